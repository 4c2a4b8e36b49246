// providers: who takes our messages, how well, and for how long the credit lasts.
import {Answered, Bar, Card, count, duration, Empty, Head, html, LaneBadge, link, NONE, percent, Table, useApi} from "../lib.js";
import {creditOf, failing, pair, ways} from "../lanes.js";

export const screen = {path: "/providers", title: "Providers", key: "p", icon: "providers", group: 2,
  flag: now => { const down = (now.providers ?? []).filter(p => ["open", "refusing", "unbound"].includes(p.state)).length; return down > 0 && {n: down, tone: "bad"}; }};

const at = name => link(`/providers/${encodeURIComponent(name)}`);
const COLUMNS = [
  {head: "Provider", cell: p => html`<a href=${at(p.name)}><b>${p.name}</b></a><span class="sub">${p.type}</span>`},
  {head: "State", cell: p => html`<${LaneBadge} state=${p.state} />`},
  {head: "Waiting", num: true, cell: p => html`${count(p.waiting.messages)}${p.waiting.messages > 0 && p.waiting.oldest_seconds !== null && html`<span class="sub">oldest ${duration(p.waiting.oldest_seconds)}</span>`}`},
  {head: "In flight", nowrap: true, p: 2, cell: p => html`<${Bar} share=${p.in_flight / p.concurrency} />${count(p.in_flight)} / ${count(p.concurrency)}`},
  {head: "p50 / p99", num: true, nowrap: true, p: 2, cell: p => pair(p.answer_seconds)},
  {head: "Failing", num: true, p: 2, cell: p => { const part = failing(p.outcomes); return part === null ? html`<span class="faint">${NONE}</span>` : html`<span class=${part > .05 ? "bad" : undefined}>${percent(part)}</span>`; }},
  {head: "Credit lasts", num: true, cell: p => { const {main, sub, tone} = creditOf(p.balance); return html`<span class=${tone}>${main}</span>${sub && html`<span class="sub">${sub}</span>`}`; }},
];

const REPORTS = [
  {head: "Provider", cell: p => p.name},
  {head: "How", cell: p => ways(p.reports)},
  {head: "p50 until final", num: true, nowrap: true, cell: p => duration(p.reports.until_final?.p50)},
  {head: "p99", num: true, nowrap: true, p: 2, cell: p => duration(p.reports.until_final?.p99)},
  {head: "Unmatched, 1 h", num: true, cell: p => p.reports.unmatched_1h > 0
    ? html`<a class="warn" href=${link("/unmatched", {provider: p.name})}>${count(p.reports.unmatched_1h)}</a>` : count(p.reports.unmatched_1h)},
];

const listed = (words, mono) => words.map((each, n) => html`${n > 0 && ", "}<span class=${mono ? "mono any" : "any"}>${each}</span>`);
const extras = route => [route.quiet && `quiet ${route.quiet}`, route.transliterates && "transliterates", route.changes_senders && "changes senders"].filter(Boolean).join(", ");
const ROUTES = [
  {head: "Beginning", cell: route => route.to.length ? listed(route.to, true) : "any"},
  {head: "By", cell: route => route.via.join(" → ")},
  {head: "For", cell: route => html`${route.accounts.length ? listed(route.accounts) : "all"}${route.senders.length > 0 && html`<span class="sub">from ${listed(route.senders, true)}</span>`}${extras(route) && html`<span class="sub">${extras(route)}</span>`}`},
];

export function View() {
  const providers = useApi("/providers", {every: 2}), routes = useApi("/routes");
  const items = providers.data?.items ?? [], told = items.filter(p => p.reports);
  return html`<${Head} title="Providers" says="In the order of the configuration. Rows open." />
    <${Card} title=${providers.data ? `${count(items.length)} ${items.length === 1 ? "provider" : "providers"}` : "Providers"} bare><${Answered} of=${providers} what="the providers">${data => data.items.length
      ? html`<${Table} caption="Providers" columns=${COLUMNS} rows=${data.items} keyOf=${p => p.name} href=${p => at(p.name)} />`
      : html`<${Empty} icon="providers" title="No provider is configured"><span>Messages are refused until there is one: add it to <code>providers</code> and name it in <code>routes</code>, then <a href="#/settings">apply the file</a>.</span></${Empty}>`}</${Answered}></${Card}>
    <div class=${told.length ? "grid2" : "stack"}>
      ${told.length > 0 && html`<${Card} title="Reports" bare><${Table} caption="Reports" columns=${REPORTS} rows=${told} keyOf=${p => p.name} /></${Card}>`}
      <${Card} title="Routes" bare><${Answered} of=${routes} what="the routes">${data => data.items.length
        ? html`<${Table} caption="Routes" columns=${ROUTES} rows=${data.items} />`
        : html`<${Empty} icon="info" title="There is no route"><span>Every message is refused: add <code>routes</code> to the file.</span></${Empty}>`}</${Answered}></${Card}>
    </div>`;
}
