// cdr: files of call detail records, and whether every accepted segment is accounted for.
import {Answered, Badge, Card, count, Empty, Field, get, Head, html, octets, Pager, Table, usePages, useState} from "../lib.js";
import {PREFIX} from "../api.js";

export const screen = {path: "/cdr", title: "Billing", key: "b", icon: "cdr", group: 3, role: "billing"};

const known = value => value !== null && value !== undefined;
const FILES = [
  {head: "File", cell: f => known(f.octets) ? html`<a class="mono any" href=${`${PREFIX}/cdr/${encodeURIComponent(f.file)}`} download=${f.file}>${f.file}</a>` : html`<span class="mono any">${f.file}</span><span class="sub">not there any more</span>`},
  {head: "Size", num: true, nowrap: true, cell: f => octets(f.octets)},
  {head: "Records", num: true, cell: f => count(f.records)},
  {head: "Segments", num: true, cell: f => count(f.segments)},
  {head: "SHA-256", p: 2, cell: f => html`<span class="mono faint any">${f.sha256}</span>`},
];
const SUMS = [
  {head: "Account", cell: a => a.account},
  {head: "Accepted", num: true, cell: a => count(a.accepted)},
  {head: "Exported", num: true, cell: a => count(a.exported)},
  {head: "Ended, not exported yet", num: true, cell: a => count(a.finished)},
  {head: "Open", num: true, p: 2, cell: a => count(a.open)},
  {head: "Gathering", num: true, p: 2, cell: a => count(a.gathering)},
  {head: "Balance", cell: a => html`<${Badge} tone=${a.balanced ? "ok" : "bad"} word=${a.balanced ? "even" : `${count(a.accepted - a.exported - a.finished - a.open - a.gathering)} missing`} />`},
];
const rowsOf = data => [...Object.entries(data.accounts).map(([account, figures]) => ({account, ...figures})), {account: "all", ...data.all}];

function Reconciliation() {
  const [day, set] = useState({from: "", to: ""}), [shown, show] = useState(null);
  const ask = async event => {
    event.preventDefault();
    show({busy: true});
    const at = (text, days) => text ? new Date(Date.parse(text + "T00:00:00Z") + days * 86_400_000).toISOString() : undefined;
    try { show({data: await get("/cdr/reconciliation", {from: at(day.from, 0), to: at(day.to, 1)})}); } catch (error) { show({error}); }
  };
  const of = {...shown, again: () => show(null)}, data = shown?.data;
  return html`<${Card} title="Reconciliation" muted="in segments" bare><form class="pad row" onSubmit=${ask}>
      <${Field} label="From" type="date" value=${day.from} onChange=${v => set({...day, from: v})} small="empty: all that is stored" /><${Field} label="To, and that day" type="date" value=${day.to} onChange=${v => set({...day, to: v})} small="UTC" />
      <button class="fix" disabled=${shown?.busy}>Count</button></form>
    ${shown && html`<${Answered} of=${of} what="the reconciliation">${() => html`<${Table} caption="Reconciliation" columns=${SUMS} rows=${rowsOf(data)} keyOf=${a => a.account} />
      ${data.faults.length > 0 && html`<div class="pad"><h3>Faults</h3><ul>${data.faults.map((each, n) => html`<li key=${n} class="bad any">${each}</li>`)}${data.more_faults > 0 && html`<li>and ${count(data.more_faults)} more</li>`}</ul></div>`}
      <div class="pager">accepted = exported + ended + open + gathering; what is not in there is in no file.</div>`}</${Answered}>`}</${Card}>`;
}

export function View() {
  const pages = usePages("/cdr", {limit: 100}, {every: 60}), off = pages.error?.status === 409 || pages.data?.folder === null;
  return html`<${Head} title="Billing" says="One file an hour of the messages that ended in it. A message is one record; segments say what to bill." />
    <${Card} title="Files" muted=${pages.data?.folder ? `newest first, in ${pages.data.folder}` : undefined} bare>${off
      ? html`<${Empty} icon="info" title="No files are written"><span>Set <code>cdr.folder</code> in the file and restart the bridge.</span></${Empty}>`
      : html`<${Answered} of=${pages} what="the files">${() => pages.items.length
        ? html`<${Table} caption="Files of call detail records" columns=${FILES} rows=${pages.items} keyOf=${f => f.file} /><${Pager} pages=${pages}>A file named late has records of an hour whose file was closed.</${Pager}>`
        : html`<${Empty} icon="cdr" title="There is no file yet"><span>The first comes a minute after the hour in which a message ended.</span></${Empty}>`}</${Answered}>`}</${Card}>
    ${!off && html`<${Reconciliation} />`}`;
}
