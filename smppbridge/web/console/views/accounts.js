// accounts: who is bound, how fast, and what is owed to them; binds that were refused.
import {Answered, Bar, Card, Coded, count, Empty, Head, html, link, NONE, percent, rate, SessionsBadge, Table, Time, useApi} from "../lib.js";
import {owedTo, speedOf} from "../binds.js";

export const screen = {path: "/accounts", title: "Accounts", key: "a", icon: "accounts", group: 2};

const at = id => link(`/accounts/${encodeURIComponent(id)}`);

function Speed({account}) {
  const {now, limit} = speedOf(account);
  if (now === null) return limit === null ? html`<span class="faint">no limit</span>` : `at most ${rate(limit)}`;
  if (limit === null) return `${rate(now)} /s`;
  return html`<${Bar} share=${now / limit} tone=${now >= limit * .98 ? "warn" : undefined} />${rate(now)} / ${rate(limit)}`;
}

const COLUMNS = [
  {head: "Account", cell: a => html`<a href=${at(a.id)}><b>${a.id}</b></a>`},
  {head: "Sessions", cell: a => html`<${SessionsBadge} account=${a} />`},
  {head: "Submits a second", nowrap: true, cell: a => html`<${Speed} account=${a} />`},
  {head: "Refused", num: true, p: 2, cell: a => { const {refused} = speedOf(a); return refused > 0 ? html`<a class="warn" href=${link("/refused", {account: a.id})}>${rate(refused)} /s</a>` : html`<span class="faint">${rate(refused)}</span>`; }},
  {head: "Receipts owed", num: true, cell: a => { const {count: n} = owedTo(a); return n > 0 ? html`<span class="warn">${count(n)}</span>` : count(n); }},
  {head: "Delivered, 24 h", num: true, p: 2, cell: a => percent(a.delivered_24h)},
  {head: "Oddities", num: true, p: 3, cell: a => a.oddities?.length ? count(a.oddities.length) : html`<span class="faint">${a.oddities ? 0 : NONE}</span>`},
];

const REFUSED = [
  {head: "When", nowrap: true, cell: b => html`<${Time} at=${b.at} />`},
  {head: "As", cell: b => html`<span class="mono any">${b.system_id || NONE}</span><span class="sub">${b.kind}${!b.is_account && ", no such account"}</span>`},
  {head: "From", nowrap: true, cell: b => html`<span class="mono">${b.address}</span>`},
  {head: "Answer", nowrap: true, p: 2, cell: b => html`<span class="mono">${b.status}</span>`},
  {head: "Why", full: true, cell: b => html`<span class="any"><${Coded} text=${b.says} /></span><span class="sub"><${Coded} text=${b.remedy} /></span>`},
];

/** Binds that were refused, of one account or of all. */
export function RefusedBinds({account}) {
  const found = useApi("/sessions/refused", {every: 10, values: {account}});
  return html`<${Card} title="Refused binds" muted="the last 200 since the start" bare><${Answered} of=${found} what="refused binds">${data => data.items.length
    ? html`<${Table} caption="Refused binds" columns=${REFUSED} rows=${data.items} />`
    : html`<${Empty} title="No bind was refused since the bridge started"><span>Wrong passwords, addresses outside of <code>allow_from</code> and one session too many show here.</span></${Empty}>`}</${Answered}></${Card}>`;
}

export function View() {
  const accounts = useApi("/accounts", {every: 2}), items = accounts.data?.items ?? [];
  const bound = items.reduce((sum, a) => sum + Object.values(a.binds ?? {}).reduce((n, each) => n + each, 0), 0);
  const title = accounts.data ? `${count(items.length)} ${items.length === 1 ? "account" : "accounts"}, ${count(bound)} ${bound === 1 ? "session" : "sessions"}` : "Accounts";
  return html`<${Head} title="Accounts" says="Who is bound, how fast, and what is owed to them." />
    <${Card} title=${title} bare><${Answered} of=${accounts} what="the accounts">${data => data.items.length
      ? html`<${Table} caption="Accounts" columns=${COLUMNS} rows=${data.items} keyOf=${a => a.id} href=${a => at(a.id)} />`
      : html`<${Empty} icon="accounts" title="No account is configured"><span>Nobody can bind until there is one: add it to <code>accounts</code>, then <a href="#/settings">apply the file</a>.</span></${Empty}>`}</${Answered}></${Card}>
    <${RefusedBinds} />`;
}
