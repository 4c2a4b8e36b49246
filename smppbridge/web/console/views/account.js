// account: its sessions, what is owed to it, what is odd about it, and the receipts that it gets.
import {
  Ago, Answered, Bar, Card, Confirm, count, duration, Empty, Head, html, link, many, may, NONE, percent, post, rate, say,
  sessionsWord, Table, Tile, Time, useApi, useState, Verdict,
} from "../lib.js";
import {bound, owedTo, speedOf} from "../binds.js";
import {RefusedBinds} from "./accounts.js";
import {ReceiptPreview} from "../receipt_preview.js";

export const screen = {path: "/accounts/:id", title: "Account", under: "/accounts"};

/** What there is to say about an account that is not simply well; null if it is. */
function verdictOf(account) {
  const {id} = account, owed = owedTo(account), state = bound(account), kept = owed.until ? html`They are kept until <${Time} at=${owed.until} />, and sent when a receiver binds.` : "They are kept for two days, unless the file says otherwise, and sent when a receiver binds.";
  const since = owed.oldest_at ? html`, the oldest since <${Time} at=${owed.oldest_at} />` : "";
  if (state === "none") {
    return {tone: owed.count > 0 ? "bad" : "warn", title: html`Nobody is bound as ${id}${owed.count > 0 && html`, and ${many(owed.count, "receipt")} wait${owed.count === 1 ? "s" : ""}${since}`}.`,
      why: "The bridge waits for the client to connect; it does not call it.",
      todo: [html`Look below whether a bind was refused, and why.`, `Ask ${id} whether the client runs, and which address and port it calls.`, owed.count > 0 && kept]};
  }
  if (owed.count > 0 && state === "deaf") {
    return {tone: "warn", title: html`${many(owed.count, "receipt")} wait${owed.count === 1 ? "s" : ""}${since}.`,
      why: "All sessions are transmitters. SMPP lets receipts go to receivers and transceivers only.",
      todo: [`Ask ${id} to bind a receiver with the same system_id, or to bind as a transceiver.`, kept]};
  }
  return null;
}

function Unbind({sessions, what, again}) {
  const [asking, ask] = useState(false), kept = sessions.length === 1 ? "session" : "sessions";
  const unbind = async () => {
    for (const each of sessions) {
      try { await post(`/sessions/${each.id}/unbind`); } catch (error) { if (error.status !== 404) throw error; }
    }
    say(`${many(sessions.length, "session")} unbound.`);
    again();
  };
  return html`<button class=${sessions.length > 1 ? "danger" : "plain"} onClick=${() => ask(true)}>${what}</button>
    <${Confirm} title=${`Unbind ${many(sessions.length, "session")}?`} open=${asking} danger act=${`Unbind ${count(sessions.length)}`} onClose=${() => ask(false)} does=${unbind}>
      <p>The client gets an unbind and its connection ends: ${sessions.map(each => each.address).join(", ")}. Most clients bind again at once.</p>
      <p>No message is lost: what was answered is stored, and receipts wait for the next ${kept}.</p></${Confirm}>`;
}

const window = (use, idle) => idle ? html`<span class="faint">${NONE}</span>` : html`<${Bar} share=${use.used / use.of} tone=${use.used >= use.of ? "warn" : undefined} />${count(use.used)} / ${count(use.of)}`;
const columns = again => [
  {head: "Session", cell: s => html`${s.id} <span class="sub mono">${s.address}</span>${s.tls && html` <span class="tag">TLS</span>`}`},
  {head: "As", cell: s => s.kind ?? "not bound yet"},
  {head: "Since", nowrap: true, cell: s => html`<${Ago} at=${s.since} />`},
  {head: "Window in", num: true, nowrap: true, cell: s => window(s.window_in, s.kind === "receiver")},
  {head: "Window out", num: true, nowrap: true, p: 2, cell: s => window(s.window_out, s.kind === "transmitter")},
  {head: "Heard", num: true, cell: s => `${duration(s.last_heard_seconds)} ago`},
  {head: "Refused", num: true, p: 2, cell: s => count(s.refused_pdus)},
  {head: "SMPP", p: 3, cell: s => s.interface_version},
  ...may("operator") ? [{label: "actions", cell: s => html`<${Unbind} sessions=${[s]} what="Unbind…" again=${again} />`}] : [],
];

function Sessions({id}) {
  const found = useApi("/sessions", {every: 2, values: {account: id}}), items = found.data?.items ?? [];
  const all = may("operator") && items.length > 1 && html`<${Unbind} sessions=${items} what=${`Unbind all ${count(items.length)}…`} again=${found.again} />`;
  return html`<${Card} title="Sessions" right=${all} bare><${Answered} of=${found} what="the sessions">${data => data.items.length
    ? html`<${Table} caption="Sessions" columns=${columns(found.again)} rows=${data.items} keyOf=${s => s.id} />`
    : html`<${Empty} icon="accounts" title="No session"><span>The client is not connected. Binds that were refused are below.</span></${Empty}>`}</${Answered}></${Card}>`;
}

const helps = o => o.setting ? html`<code>${o.setting}</code> for this account, if they cannot change it` : "Nothing has to be done: it is read as it was meant.";
const ODDITIES = [
  {head: "What the client does", full: true, cell: o => html`${o.says ?? o.code} <span class="faint">${o.says ? o.code : ""}</span>`},
  {head: "Times", num: true, cell: o => count(o.count)},
  {head: "Last", nowrap: true, p: 2, cell: o => html`<${Ago} at=${o.last_at} />`},
  {head: "What helps", full: true, cell: helps},
];

const Oddities = ({account}) => account.oddities && html`<${Card} title="Oddities" muted="since the last start" bare>${account.oddities.length
  ? html`<${Table} caption="Oddities" columns=${ODDITIES} rows=${account.oddities} keyOf=${o => o.code} />`
  : html`<${Empty} title="Nothing is odd"><span>Where a client does otherwise than SMPP 3.4 says, it shows here with the setting that helps.</span></${Empty}>`}</${Card}>`;

function Tiles({account}) {
  const owed = owedTo(account), {now, refused, limit} = speedOf(account), [tone, word] = sessionsWord(account), answers = account.answer_seconds;
  return html`<div class="tiles">
    <${Tile} k="Sessions" words v=${word} tone=${tone === "ok" ? undefined : tone} d=${`at most ${count(account.binds_limit)}`} />
    <${Tile} k="Submits" v=${rate(now)} unit="/s" d=${limit === null ? "no limit" : `limit ${rate(limit)}`} tone=${limit !== null && now >= limit ? "warn" : undefined} />
    <${Tile} k="Answered within, p99" v=${duration(answers?.p99)} d=${answers?.p50 ? `p50 ${duration(answers.p50)}` : "nothing was submitted lately"} />
    <${Tile} k="Refused" v=${rate(refused)} unit="/s" tone=${refused > 0 ? "warn" : undefined} href=${link("/refused", {account: account.id})} d="which in 24 h, and why" />
    <${Tile} k="Delivered, 24 h" v=${percent(account.delivered_24h)} href=${link("/messages", {account: account.id})} d="of all that ended" />
    <${Tile} k="Receipts owed" v=${count(owed.count)} tone=${owed.count > 0 ? "warn" : undefined} d=${owed.oldest_at ? html`oldest <${Ago} at=${owed.oldest_at} />` : "all acknowledged"} />
  </div>`;
}

export function View({params}) {
  const {id} = params, found = useApi(`/accounts/${encodeURIComponent(id)}`, {every: 2}), account = found.data, verdict = account && verdictOf(account);
  const from = account && (account.allow_from === null ? "from anywhere" : account.allow_from.length ? `from ${account.allow_from.join(", ")} only` : "from nowhere: allow_from is empty");
  const says = account && [from, `window ${count(account.window)}`, `at most ${many(account.binds_limit, "session")}`, account.country && `numbers of ${account.country}`].filter(Boolean).join(" · ");
  return html`<${Head} title=${id} above=${html`<a href="#/accounts">Accounts</a>`} says=${says}>
      <a class="button" href=${link("/messages", {account: id})}>Messages</a>${may("operator") && html`<a class="button" href=${link("/trace", {account: id})}>Trace</a>`}</${Head}>
    <${Answered} of=${found} what=${`the account ${id}`}>${() => html`${verdict && html`<${Verdict} ...${verdict} />`}
      <${Tiles} account=${account} /><${Sessions} id=${id} /><${Oddities} account=${account} /><${RefusedBinds} account=${id} />
      <${ReceiptPreview} id=${id} />`}</${Answered}>`;
}
