// message: one message: what became of it, why, and what to do.
import {
  Badge, Card, Confirm, Copy, count, Empty, Facts, Head, html, Icon, link, many, may, MessageBadge, messageWord, NONE, post, serverNow, Table, Time, Trouble,
  useApi, useState,
} from "../lib.js";
import {Decide} from "../decisions.js";
import {folded, Timeline} from "../timeline.js";
import {WaitingActs} from "../waiting_acts.js";

export const screen = {path: "/messages/:id", title: "Message", under: "/messages"};

const TONES = {good: "ok", wait: "info", warn: "warn", bad: "bad"};

/** `code` in a text of the bridge, between backquotes. */
const coded = text => String(text).split("`").map((part, n) => n % 2 ? html`<code key=${n}>${part}</code>` : part);

function Verdict({verdict, uncertain}) {
  if (!verdict) return null;
  const tone = uncertain ? "unsure" : TONES[verdict.tone] ?? verdict.tone;
  return html`<section class=${`verdict ${tone}`} aria-label="What became of it"><div><h2>${verdict.says}</h2><p>${coded(verdict.why)}</p></div>
    ${verdict.do?.length > 0 && html`<div class="do"><h3>What to do</h3><ul>${verdict.do.map(each => html`<li key=${each}>${coded(each)}</li>`)}</ul></div>`}</section>`;
}

/** The number or the text, hidden until somebody who may asks for it, and says why if they want to. */
function Hidden({id, what, role, children}) {
  const [shown, set] = useState(null), [asking, ask] = useState(false), [reason, say] = useState("");
  const value = shown && (what === "number" ? shown.number : shown.text ?? shown.octets);
  const does = async () => set(await post(`/messages/${id}/reveal`, {what: [what], reason: reason.trim()}));
  return html`${shown ? html`<span class=${what === "number" || shown.octets ? "mono any" : "any"}>${value}</span>` : children}
    ${" "}${!shown && may(role) && html`<button class="link" aria-label=${`Show the ${what}`} onClick=${() => { say(""); ask(true); }}>show</button>`}
    <${Confirm} title=${`Show the ${what}`} open=${asking} act="Show" does=${does} onClose=${() => ask(false)}>
      <p class="muted">That you looked, and why, stands in the audit log.</p>
      <label class="f">Reason<input value=${reason} onInput=${e => say(e.target.value)} maxlength="200" placeholder="a ticket, a complaint" autocomplete="off" /></label></${Confirm}>`;
}

const ASKED = {0: "no", 1: "yes, on success and failure", 2: "only on failure", 3: "only on success"};
const ALPHABETS = {gsm7: "GSM 7-bit", ucs2: "UCS-2", latin1: "Latin-1", octets: "octets"};
const asked = flag => flag === undefined || flag === null ? null : ASKED[flag & 3] + (flag & ~3 ? ` (0x${flag.toString(16).padStart(2, "0")})` : "");
const hex = v => v === undefined || v === null ? null : typeof v === "number" ? `0x${v.toString(16).padStart(2, "0")}` : v;

function What({m}) {
  const size = m.characters ? `, ${many(m.characters, "character")}` : "";
  return html`<${Card} title="What it is"><${Facts} rows=${[
    ["State", html`<${MessageBadge} message=${m} />`],
    ["From", html`<span class="any">${m.source || NONE}</span>`],
    ["To", html`<${Hidden} id=${m.message_id} what="number" role="operator"><span class="mono">${m.destination}</span></${Hidden}>`],
    ["Text", html`<${Hidden} id=${m.message_id} what="text" role="admin"><span class="faint">hidden${size}</span></${Hidden}>`],
    ["Account", html`<a href=${link(`/accounts/${encodeURIComponent(m.account)}`)}>${m.account}</a>`],
    ["Provider", m.provider && html`<a href=${link(`/providers/${encodeURIComponent(m.provider)}`)}>${m.provider}</a>${m.provider_message_id && html`, as <span class="mono any">${m.provider_message_id}</span>`}`],
    ["Route", m.route?.length ? m.route.join(", then ") : null],
    ["Attempts", count(m.attempts)],
    ["Segments", m.segments > 1 ? count(m.segments) : null],
    ["Alphabet", m.alphabet && (ALPHABETS[m.alphabet] ?? m.alphabet)],
    ["data_coding", hex(m.data_coding)], ["esm_class", hex(m.esm_class)],
    ["Receipt asked for", asked(m.registered_delivery)],
    ["Accepted", html`<${Time} at=${m.accepted_at} ms />`],
    ["Final", m.done_at && html`<${Time} at=${m.done_at} ms />`],
    ["Valid until", html`<${Time} at=${m.expires_at} />`],
    ["Looked at next", m.due && m.stage !== "finished" && Date.parse(m.due) > serverNow() ? html`<${Time} at=${m.due} />` : null],
    ["Priority", m.priority ?? null],
  ]} /></${Card}>`;
}

const RECEIPTS = {receipt_owed: ["warn", "owed"], receipt_acknowledged: ["ok", "acknowledged"], receipt_refused: ["bad", "refused"], receipt_lapsed: ["bad", "given up"]};
const SEGMENTS = [
  {head: "Segment", cell: s => s.number ? `${s.number} of ${s.of}` : `one of ${s.of}`}, {head: "Our id", cell: s => html`<span class="mono">${s.message_id}</span>`},
  {head: "Receipt", cell: s => { const [tone, word] = RECEIPTS[s.receipt] ?? []; return word ? html`<${Badge} tone=${tone} word=${word} />` : NONE; }},
];

/** The segments that came, each with its id and its receipt, as the timeline has them. */
function segmentsOf(m, steps) {
  const came = steps.filter(each => each.code === "segment_received"), receipts = {};
  for (const {code, facts} of steps) if (code in RECEIPTS) receipts[facts.message_id] = code;
  const ids = new Map(came.map(({facts}) => [facts.message_id, facts.number]));
  const of = Math.max(m.segments || 1, ids.size), numbers = new Set(ids.values());
  if (!ids.get(m.message_id)) ids.set(m.message_id, undefined);
  if (!ids.get(m.message_id) && m.stage !== "gathering") ids.set(m.message_id, Array.from({length: of}, (_, i) => i + 1).find(n => !numbers.has(n)));
  return [...ids].map(([message_id, number]) => ({message_id, number, of, receipt: receipts[message_id]}));
}
const Segments = ({m, steps}) => m.segments > 1 && steps.length > 0 && html`<${Card} title="Segments" bare>
  <${Table} caption="Segments" columns=${SEGMENTS} rows=${segmentsOf(m, steps)} keyOf=${s => s.message_id} /></${Card}>`;

/** What to paste into a ticket: no number in full, no text. */
function ticket(m, steps) {
  const lines = [`Message ${m.message_id} of ${m.account}: ${messageWord(m)[1]}`, `To ${m.destination}, accepted ${m.accepted_at}, provider ${m.provider ?? NONE}${m.provider_message_id ? ` (${m.provider_message_id})` : ""}`];
  if (m.verdict) lines.push("", m.verdict.says, m.verdict.why, ...(m.verdict.do ?? []).map(each => `- ${each}`));
  return [...lines, "", ...folded(steps).map(each => `${each.at ?? "now"}  ${[each.title, each.more].filter(Boolean).join(". ")}${each.count > 1 ? ` × ${each.count}` : ""}`)].join("\n");
}

function Actions({m, steps, changed}) {
  const [order, set] = useState(null), one = verb => () => set({verb, ids: [m.message_id], provider: m.provider, account: m.account});
  return html`${m.uncertain && may("operator") && html`<button onClick=${one("resend")}>Resend…</button><button class="danger" onClick=${one("fail")}>Give up…</button>`}
    ${m.stage === "waiting" && !m.uncertain && may("operator") && html`<${WaitingActs} m=${m} changed=${changed} />`}
    <${Copy} text=${() => ticket(m, steps)}>Copy for a ticket</${Copy}>
    ${may("operator") && html`<a class="button" href=${link("/trace", {account: m.account, provider: m.provider})}><${Icon} name="trace" />Trace</a>`}
    <${Decide} order=${order} onClose=${() => set(null)} onDone=${changed} />`;
}

export function View({params}) {
  const path = `/messages/${encodeURIComponent(params.id)}`, [open, keep] = useState(true), every = open ? 3 : 15;
  const {data: m, error, again} = useApi(path, {every}), line = useApi(m ? `${path}/timeline` : null, {every}), steps = line.data?.items ?? [];
  const above = html`<a href="#/messages">Messages</a>`;
  if (m && open !== (m.stage !== "finished")) keep(m.stage !== "finished");
  if (!m && error?.status === 404) {
    return html`<${Head} title=${params.id} mono above=${above} /><${Card} bare><${Empty} icon="search" title="There is no such message">
      <span>What is older than the retention is deleted here; the CDR files go further back.<br />What was refused at the door never became a message.</span>
      <span class="actions"><a class="button" href=${link("/messages", {q: params.id})}>Search for ${params.id}</a><a class="button" href="#/refused">Refused at the door</a></span></${Empty}></${Card}>`;
  }
  if (!m) return html`<${Head} title=${params.id} mono above=${above} /><${Trouble} error=${error} again=${again} />`;
  const changed = () => { again(); line.again(); };
  return html`<${Head} title=${m.message_id} mono above=${above} says=${m.message_id !== params.id && `${params.id} is one of its segments.`}><${Actions} m=${m} steps=${steps} changed=${changed} /></${Head}>
    <${Trouble} error=${error ?? line.error} again=${changed} /><${Verdict} verdict=${m.verdict} uncertain=${m.uncertain} />
    <div class="grid2 wide-left"><${Card} title="What happened" muted="UTC" bare right=${html`<a class="small" href=${`/api/v1${path}/timeline`} target="_blank" rel="noopener">JSON</a>`}><${Timeline} steps=${steps} account=${m.account} provider=${m.provider} /></${Card}>
    <div class="stack"><${What} m=${m} /><${Segments} m=${m} steps=${steps} /></div></div>`;
}
