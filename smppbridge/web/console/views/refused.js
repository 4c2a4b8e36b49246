// refused: submissions that were answered with an error in the last 24 hours, and why.
import {Answered, Card, Choice, Coded, count, Empty, Field, Head, html, link, Pager, replace, Table, Time, useApi, usePages} from "../lib.js";

export const screen = {path: "/refused", title: "Refused", key: "r", icon: "refused", group: 1};

const COLUMNS = [
  {head: "When", nowrap: true, cell: r => html`<${Time} at=${r.at} />`},
  {head: "Account", cell: r => html`<a href=${link(`/accounts/${encodeURIComponent(r.account)}`)}>${r.account}</a>`},
  {head: "From", cell: r => html`<span class="any">${r.source}</span>`},
  {head: "To", nowrap: true, cell: r => html`<span class="mono">${r.destination}</span>`},
  {head: "Answer", nowrap: true, p: 2, cell: r => html`<span class="mono">${r.status}</span>`},
  {head: "Why", full: true, cell: r => html`<span class="any"><${Coded} text=${r.says} />${r.detail && ` (${r.detail})`}</span><span class="sub"><${Coded} text=${r.remedy} /></span>`},
  {head: "Times", num: true, cell: r => count(r.count)},
];

export function View({query}) {
  const {account, reason, number} = query, set = (name, value) => replace("/refused", {...query, [name]: value}), accounts = useApi("/accounts");
  const pages = usePages("/refused", {account, reason, number}, {every: 10}), filtered = account || reason || number;
  const known = [["", "any"], ...(accounts.data?.items ?? []).map(a => [a.id, a.id])];
  if (account && !known.some(([id]) => id === account)) known.push([account, account]);
  const reasons = [...new Set([reason, ...(pages.items ?? []).map(r => r.reason)].filter(Boolean))].map(each => [each, each.replaceAll("_", " ")]);
  const none = filtered
    ? html`<${Empty} icon="search" title="No such submission was refused in the last 24 hours"><a href="#/refused">Show all of them</a></${Empty}>`
    : html`<${Empty} title="Nothing was refused in the last 24 hours"><span>Every submission was answered ESME_ROK and stored. One that is not stands here with its reason.</span></${Empty}>`;
  return html`<${Head} title="Refused submissions" says="What was not accepted at the door in the last 24 hours. The client was told so; nothing was sent." />
    <section class="card"><div class="pad row"><${Choice} label="Account" value=${account ?? ""} options=${known} onChange=${v => set("account", v)} />
      <${Choice} label="Why" value=${reason ?? ""} options=${[["", "any reason"], ...reasons]} onChange=${v => set("reason", v)} />
      <${Field} label="Number" value=${number ?? ""} placeholder="whole, in any form" maxlength="32" pattern="\\+?[0-9][0-9 ().\\-]*" onChange=${v => (v === "" || /^\+?[0-9][0-9 ().-]{1,30}$/.test(v)) && set("number", v)} /></div></section>
    <${Card} title=${pages.items ? `${count(pages.items.length)}${pages.older ? " and more" : ""}` : "Refused"} muted="newest first" bare><${Answered} of=${pages} what="refused submissions">${() => pages.items.length
      ? html`<${Table} caption="Refused submissions" columns=${COLUMNS} rows=${pages.items} /><${Pager} pages=${pages}>Many alike are counted in one line.</${Pager}>` : none}</${Answered}></${Card}>`;
}
