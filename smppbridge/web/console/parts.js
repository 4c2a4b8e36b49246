// parts: the small things that all screens are made of.
import {html, useEffect, useRef, useState} from "./vendor/preact/standalone.mjs";
import {duration, moment, NONE} from "./format.js";
import {Icon} from "./icons.js";
import {useNow, useStale} from "./live.js";
import {store, useStore} from "./store.js";

/** Class names of what holds. */
export const names = (...all) => all.filter(Boolean).join(" ") || undefined;

/** A state as word, shape and colour; tone: ok, warn, bad, unsure, info or none. */
export const Badge = ({tone, word, children}) => html`<span class=${names("badge", tone)}>${word ?? children}</span>`;

/** A time of the API, in UTC; the whole of it on hover. */
export function Time({at, ms}) {
  const now = useNow();
  return at ? html`<time datetime=${at} title=${at}>${moment(at, now, ms)}</time>` : NONE;
}

/** How long ago a time is, or how long it is until then: "38 s ago", "in 6 min". */
export function Ago({at}) {
  const now = useNow();
  if (!at) return NONE;
  const left = Math.round((Date.parse(at) - now) / 1000);
  const words = left > 0 ? `in ${duration(left)}` : left > -2 ? "now" : `${duration(-left)} ago`;
  return html`<time datetime=${at} title=${at}>${words}</time>`;
}

/** The head of a screen: its title, a sentence about it, its actions. */
export const Head = ({title, mono, above, says, children}) => html`<div class="head"><div class="grow">
  ${above && html`<p class="small">${above}</p>`}<h1 class=${mono ? "mono" : undefined} tabindex="-1">${title}</h1>${says && html`<p>${says}</p>`}
</div><div class="actions">${children}</div></div>`;

/** A card; without `bare` its content has a margin. */
export const Card = ({title, muted, right, bare, children}) => html`<section class="card">
  ${title && html`<header><h2>${title}</h2>${muted && html`<span class="muted">${muted}</span>`}<span class="grow"></span>${right}</header>`}
  ${bare ? children : html`<div class="pad stack">${children}</div>`}</section>`;

/** Terms and their values: [[term, value], …]; a null value leaves its term out. */
export const Facts = ({rows}) => html`<dl class="facts">${rows.filter(row => row && row[1] !== null && row[1] !== undefined)
  .map(([term, value]) => html`<dt key=${term}>${term}</dt><dd>${value}</dd>`)}</dl>`;

/** Why there is nothing, and what next. */
export const Empty = ({icon, title, children}) => html`<div class="empty"><${Icon} name=${icon ?? "done"} /><b>${title}</b>${children}</div>`;

/** A share of a whole, 0 to 1, as a bar. */
export function Bar({share, tone}) {
  const part = Math.max(0, Math.min(1, share || 0)), words = `${Math.round(part * 100)} %`;
  return html`<span class=${names("bar", tone)} role="img" aria-label=${words}><i style=${{width: `${part * 100}%`}}></i></span>`;
}

const ALARM_ICONS = {unsure: "uncertain", info: "info", ok: "done"};
/** An alarm: one sentence, why, and one action. */
export const Alarm = ({tone, title, children, action}) => html`<div class=${names("alarm", tone)} role="status">
  <${Icon} name=${ALARM_ICONS[tone] ?? "alarm"} /><div><b>${title}</b>${children && html`<p>${children}</p>`}</div>
  ${action && html`<div class="actions">${action}</div>`}</div>`;

/** Why an answer is not there, or is old; `again` asks once more. */
export function Trouble({error, again}) {
  const lost = useStale() > 0;  // then the frame says so, once
  if (!error || (lost && error.status === 0)) return null;
  return html`<${Alarm} tone=${error.status === 0 || error.status >= 500 ? "bad" : "warn"} title=${error.message}
    action=${again && html`<button onClick=${again}>Try again</button>`} />`;
}

const said = store(null);
/** Say what an act came to, above the screen, until it is read or the screen changes. */
export const say = (words, tone = "ok") => said.set(words === null ? null : {words, tone});
export function Said() {
  const now = useStore(said);
  return html`<div aria-live="polite" class=${now ? undefined : "vh"}>${now && html`<${Alarm} tone=${now.tone} title=${now.words}
    action=${html`<button class="plain" onClick=${() => say(null)}>Close</button>`} />`}</div>`;
}

/** A dialog over the page while `open`; Esc closes it. */
export function Dialog({title, open, onClose, children}) {
  const box = useRef(null);
  useEffect(() => {
    if (open && !box.current.open) box.current.showModal();
    if (!open && box.current.open) box.current.close();
  }, [open]);
  const closed = () => box.current?.open || onClose();  // an event of before it was opened again
  return html`<dialog ref=${box} aria-label=${title} onClose=${closed} onCancel=${onClose}>${open && html`<div class="form"><h2>${title}</h2>${children}</div>`}</dialog>`;
}

/**
 * A question before an act: `act` is what the button says, `does` carries it out and may throw; what
 * it throws is shown in the dialog.
 */
export function Confirm({title, open, act, danger, ready = true, does, onClose, children}) {
  const [state, set] = useState({});
  useEffect(() => set({}), [open]);
  const submit = async event => {
    event.preventDefault();
    set({busy: true});
    try { await does(); onClose(); } catch (error) { set({error}); }
  };
  return html`<${Dialog} title=${title} open=${open} onClose=${onClose}><form class="form" onSubmit=${submit}>${children}
    ${state.error && html`<p class="bad" role="alert">${state.error.message}</p>`}
    <div class="actions"><button class=${danger ? "danger" : "primary"} disabled=${state.busy || !ready}>${act}</button>
    <button type="button" onClick=${onClose}>Cancel</button></div></form></${Dialog}>`;
}

/** Copy text; browsers have no clipboard for pages without TLS, so there is another way. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { /* the other way */ }
  const field = document.createElement("textarea"), before = document.activeElement;
  field.value = text;
  field.className = "vh";
  field.setAttribute("aria-hidden", "true");
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  before?.focus?.();
  return done;
}

/** A button that copies; it says so for a moment. */
export function Copy({text, children = "Copy"}) {
  const [now, set] = useState("");
  const press = async () => {
    set(await copy(typeof text === "function" ? text() : text) ? "Copied" : "Cannot copy");
    setTimeout(() => set(""), 1500);
  };
  return html`<button onClick=${press}><${Icon} name="copy" />${now || children}</button>`;
}

/** Hand the browser a file. */
export function save(name, text, type = "text/plain") {
  const url = URL.createObjectURL(new Blob([text], {type})), anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  URL.revokeObjectURL(url);
}

/** A cell of CSV (RFC 4180) that no spreadsheet takes for a formula. */
export function cell(value) {
  let text = value === null || value === undefined ? "" : String(value);
  if (/^[=+\-@\t\r]/.test(text)) text = "'" + text;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Which nodes have not answered in time, as an act's answer names them; empty where all have. */
export const unanswered = nodes => nodes?.length ? ` ${nodes.length > 1 ? "Nodes" : "Node"} ${nodes.join(", ")} did not answer in time.` : "";

/** A button that carries out an act, and says above the screen what became of it. */
export function Act({does, done, kind, disabled, children}) {
  const [busy, set] = useState(false);
  const press = async () => {
    set(true);
    try {
      const answer = await does();
      say(typeof done === "function" ? done(answer) : done);
    } catch (error) {
      say(error.message, "bad");
    } finally {
      set(false);
    }
  };
  return html`<button class=${names(kind)} disabled=${busy || disabled} onClick=${press}>${children}</button>`;
}

/** A text of the bridge in which `words` between such ticks are names of settings. */
export const Coded = ({text}) => String(text).split("`").map((each, n) => n % 2 ? html`<code>${each}</code>` : each);

/** A figure with its name; *d* is a line below it, *href* leads on; *words*: the figure is some. */
export function Tile({k, v, unit, d, tone, href, words, children}) {
  const inside = html`<div class="k">${k}</div><div class=${names("v", tone, words && "words")}>${v}${unit && html` <small>${unit}</small>`}</div><div class="d">${d}</div>${children}`;
  return href ? html`<a class="tile" href=${href}>${inside}</a>` : html`<div class="tile">${inside}</div>`;
}

/** One sentence, why, and what to do: {tone, title, why, todo: [node]}. */
export const Verdict = ({tone, title, why, todo = [], children}) => html`<section class=${names("verdict", tone)}>
  <div><h2>${title}</h2>${why && html`<p>${why}</p>`}</div>
  <div class="do"><h3>What to do</h3><ul>${todo.filter(Boolean).map((each, n) => html`<li key=${n}>${each}</li>`)}</ul>${children}</div></section>`;

/** A choice: options are [value, words]. */
export const Choice = ({label, value, options, onChange, small, ...more}) => html`<label class="f">${label}
  <select value=${value} onChange=${e => onChange(e.target.value)} ...${more}>${options.map(([v, words]) => html`<option key=${v} value=${v} selected=${v === value}>${words}</option>`)}</select>
  ${small && html`<small>${small}</small>`}</label>`;

/** A line to be filled in. */
export const Field = ({label, value, onChange, small, ...more}) => html`<label class="f">${label}
  <input value=${value} onInput=${e => onChange(e.target.value)} autocomplete="off" spellcheck=${false} ...${more} />${small && html`<small>${small}</small>`}</label>`;
