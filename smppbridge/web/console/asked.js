// asked: a part of a screen that one operation of the API fills, and in plain words why not.
import {html, useState} from "./vendor/preact/standalone.mjs";
import {may, session} from "./api.js";
import {duration} from "./format.js";
import {useNow, useStale} from "./live.js";
import {Alarm, Empty, names, say} from "./parts.js";

const capital = text => text.charAt(0).toUpperCase() + text.slice(1);

/** Why the bridge does not tell *what*, and what next: [title, advice]. */
export function reasonOf(error, what) {
  if (error.status === 403) {
    return [`${capital(what)}: not for the role ${session.get()?.role ?? "you have"}`, "Ask an admin of the bridge; roles are set in web.users."];
  }
  if (error.status === 404) return [`This bridge does not tell ${what}`, "The program that runs has no such operation, or there is no such thing any more."];
  if (error.status === 0) return ["The bridge does not answer", `No figures for ${what} until it does.`];
  if (error.status === 409) return [error.message, "It is told as soon as that has changed."];
  return [error.message, error.status === 504 ? "Ask for less: a shorter time, one account, one provider." : "Try again; if that does not help, look into the log."];
}

/**
 * An answer of `useApi` or `usePages`: `children(data)` once it is there, what is missing in words if
 * it is not.  An answer that a later question did not renew stays, and says how old it is.
 */
export function Asked({of, what, children}) {
  const data = of.data ?? (of.items && of);
  if (!data && !of.error) return html`<p class="pad muted" aria-busy="true">Asking for ${what} …</p>`;
  if (data) return html`${of.error && html`<${Old} of=${of} what=${what} />`}${children(data)}`;
  const [title, advice] = reasonOf(of.error, what);
  return html`<${Empty} icon="info" title=${title}><span>${advice}</span>${of.error.status !== 409 && html`<button onClick=${of.again}>Try again</button>`}</${Empty}>`;
}

function Old({of, what}) {
  useNow();
  if (useStale() > 0 && of.error.status === 0) return null;  // the frame says so, once
  const age = duration(Math.max(1, Math.round((Date.now() - of.at) / 1000)));
  return html`<div class="pad"><${Alarm} tone="warn" title=${`${capital(what)}: what is shown is ${age} old`}
    action=${html`<button onClick=${of.again}>Try again</button>`}>${of.error.message}</${Alarm}></div>`;
}

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

/** What only some roles are shown. */
export const Only = ({role, children}) => may(role) ? children : null;

/** A choice: options are [value, words]. */
export const Choice = ({label, value, options, onChange, small, ...more}) => html`<label class="f">${label}
  <select value=${value} onChange=${e => onChange(e.target.value)} ...${more}>${options.map(([v, words]) => html`<option key=${v} value=${v} selected=${v === value}>${words}</option>`)}</select>
  ${small && html`<small>${small}</small>`}</label>`;

/** A line to be filled in. */
export const Field = ({label, value, onChange, small, ...more}) => html`<label class="f">${label}
  <input value=${value} onInput=${e => onChange(e.target.value)} autocomplete="off" spellcheck=${false} ...${more} />${small && html`<small>${small}</small>`}</label>`;
