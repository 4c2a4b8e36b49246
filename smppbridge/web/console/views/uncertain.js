// uncertain: the desk where a person decides about messages whose fate nobody knows.
import {Ago, Card, count, Empty, get, go, Head, html, link, many, may, NONE, Pager, say, Table, Time, Trouble, useApi, useEffect, usePages, useState} from "../lib.js";
import {Consequence, Decide, VERBS} from "../decisions.js";

export const screen = {path: "/uncertain", title: "Uncertain", key: "u", icon: "uncertain", group: 1,
  flag: now => now.uncertain > 0 && {n: count(now.uncertain), tone: "unsure"}};

const MOST = 10_000;  // of one decision by a filter
const reason = m => m.why ?? m.reason ?? m.verdict?.why ?? `${m.provider ?? "The provider"} was asked, and no usable answer came`;

/** How many Uncertain messages a filter has: counted anew when a person wants to decide about all. */
async function counted(filter) {
  let [found, cursor] = [0, undefined];
  do {
    const page = await get("/messages", {...filter, uncertain: "true", limit: 500, cursor});
    found += page.items.length;
    cursor = page.next ?? undefined;
  } while (cursor && found < MOST);
  return found;
}

const columns = (chosen, choose) => [
  ...(may("operator") ? [{head: chosen.head, cell: m => html`<input type="checkbox" aria-label=${`Select ${m.message_id}`} checked=${chosen.has(m.message_id)} onChange=${e => choose(m.message_id, e.target.checked)} />`}] : []),
  {head: "Message", cell: m => html`<a class="mono" href=${link(`/messages/${m.message_id}`)}>${m.message_id}</a>`},
  {head: "Account", p: 2, cell: m => m.account},
  {head: "To", cell: m => html`<span class="mono">${m.destination}</span>`},
  {head: "Why nobody knows", full: true, cell: m => html`<span class="any">${reason(m)}</span>`},
  {head: "Since", nowrap: true, p: 2, cell: m => html`<${Time} at=${m.begun_at ?? m.accepted_at} />`},
  {head: "Decided by itself", num: true, nowrap: true, cell: m => m.due ? html`<span class="unsure"><${Ago} at=${m.due} /></span>` : NONE},
];

function Filter({query, items}) {
  const {data: accounts} = useApi("/accounts"), {data: providers} = useApi("/providers");
  const put = name => event => go("/uncertain", {...query, [name]: event.target.value});
  if (!items.length && !query.account && !query.provider) return null;
  return html`<section class="card"><div class="pad row">
    <label class="f">Account<select value=${query.account ?? ""} onChange=${put("account")}><option value="">any</option>${(accounts?.items ?? []).map(a => html`<option key=${a.id} value=${a.id}>${a.id}</option>`)}</select></label>
    <label class="f">Provider<select value=${query.provider ?? ""} onChange=${put("provider")}><option value="">any</option>${(providers?.items ?? []).map(p => html`<option key=${p.name} value=${p.name}>${p.name}</option>`)}</select></label></div></section>`;
}

/** The value that all have in common, undefined if they have none. */
const common = (rows, name) => new Set(rows.map(each => each[name])).size === 1 ? rows[0][name] ?? undefined : undefined;

function Bulk({rows, chosen, filter, decide, clear}) {
  const [busy, set] = useState(false), about = [common(chosen, "account") && `of ${common(chosen, "account")}`, common(chosen, "provider") && `by ${common(chosen, "provider")}`].filter(Boolean).join(", ");
  const all = verb => async () => {
    set(true);
    try {
      const expect = await counted(filter);
      if (expect) decide({verb, filter, expect, provider: filter.provider, account: filter.account}); else say("None is Uncertain any more.");
    } catch (error) { say(error.message, "bad"); } finally { set(false); }
  };
  const some = verb => () => decide({verb, ids: chosen.map(each => each.message_id), provider: common(chosen, "provider"), account: common(chosen, "account")});
  const n = count(chosen.length);
  if (!chosen.length) {
    return html`<div class="bulk"><span class="grow muted">Select messages, or decide about all${filter.account || filter.provider ? " of the filter" : ""}:</span>
      <button disabled=${busy} onClick=${all("resend")}>Resend all…</button><button class="danger" disabled=${busy} onClick=${all("fail")}>Give up all…</button></div>`;
  }
  return html`<div class="bulk"><span class="grow"><b>${n} selected</b> <span class="muted">${about}</span></span><button class="plain" onClick=${clear}>Clear</button>
    <button onClick=${some("resend")}>${VERBS.resend.act(n)}…</button><button class="danger" onClick=${some("fail")}>${VERBS.fail.act(n)}…</button></div>`;
}

const HOW = {resend: "resend", fail: "give up"};
const DECIDED = [
  {head: "When", nowrap: true, cell: a => html`<${Time} at=${a.at} />`},
  {head: "Messages", cell: a => a.detail.message_ids ? html`<span class="mono any">${a.detail.message_ids.length > 3 ? many(a.detail.message_ids.length, "message") : a.detail.message_ids.join(", ")}</span>` : many(a.detail.expect ?? 0, "message")},
  {head: "How", cell: a => HOW[a.detail.verb] ?? a.detail.verb}, {head: "By", cell: a => a.actor},
];
function Decided() {
  const {data} = useApi(may("admin") ? "/audit" : null, {values: {limit: 200}, every: 15}), acts = (data?.items ?? []).filter(each => each.action === "decide_uncertain").slice(0, 10);
  return acts.length > 0 && html`<${Card} title="Decided" muted="by people" bare><${Table} caption="Decided" columns=${DECIDED} rows=${acts} keyOf=${a => a.at + a.actor} /></${Card}>`;
}

export function View({query}) {
  const filter = {account: query.account || undefined, provider: query.provider || undefined}, pages = usePages("/messages", {...filter, uncertain: "true"}, {every: 3});
  const [ids, set] = useState(new Set()), [order, decide] = useState(null), [typed, type] = useState(""), [turn, next] = useState(0);
  const rows = pages.items ?? [], chosen = rows.filter(each => ids.has(each.message_id));
  useEffect(() => set(new Set()), [query.account, query.provider]);
  const choose = (id, on) => set(old => { const next = new Set(old); if (on) next.add(id); else next.delete(id); return next; });
  const all = rows.length > 0 && chosen.length === rows.length;
  const selection = {has: id => ids.has(id), head: html`<input type="checkbox" aria-label="Select all" checked=${all} onChange=${e => set(e.target.checked ? new Set(rows.map(each => each.message_id)) : new Set())} />`};
  const close = () => { decide(null); type(""); };
  return html`<${Head} title="Uncertain" says=${rows.length > 0 && "A request left and no usable answer came: the phone may have the message, or not. Nothing is sent twice by itself."} />
    <${Trouble} error=${pages.error} again=${pages.again} /><${Filter} query=${query} items=${rows} />
    ${pages.items && (rows.length === 0 ? html`<${Card} title="None" bare><${Empty} icon="done" title="The fate of every message is known"><span>Messages come here when a request left and no usable answer came.</span></${Empty}></${Card}>`
      : html`<${Card} title=${pages.first && !pages.next ? many(rows.length, "message") : "Messages"} bare><${Table} caption="Uncertain messages" columns=${columns(selection, choose)} rows=${rows} keyOf=${m => m.message_id} href=${m => link(`/messages/${m.message_id}`)} />
        ${(pages.newer || pages.older) && html`<${Pager} pages=${pages}>newest first · times UTC</${Pager}>`}</${Card}>
      <div class="grid2"><${Card} title="Resend"><${Consequence} verb="resend" /><p class="muted">Right for one-time codes and alarms.</p></${Card}>
        <${Card} title="Give up"><${Consequence} verb="fail" /><p class="muted">Right where the account sends again by itself.</p></${Card}></div>
      ${may("operator") && html`<${Bulk} rows=${rows} chosen=${chosen} filter=${filter} decide=${decide} clear=${() => set(new Set())} />`}`)}
    <${Decided} key=${turn} /><${Decide} order=${order} typed=${typed} onType=${type} onClose=${close} onDone=${() => { set(new Set()); next(turn + 1); pages.again(); }} />`;
}
