// messages: where is my SMS?
import {Card, Head, html, link, Pager, Table, Time, usePages} from "../lib.js";

export const screen = {path: "/messages", title: "Messages", key: "m", icon: "messages", group: 1};

const COLUMNS = [
  {head: "Message", cell: m => html`<a class="mono" href=${link(`/messages/${m.message_id}`)}>${m.message_id}</a>`},
  {head: "Accepted", nowrap: true, cell: m => html`<${Time} at=${m.accepted_at} />`},
  {head: "Account", cell: m => m.account},
];

export function View() {
  const pages = usePages("/messages");
  return html`<${Head} title="Messages" /><${Card} title="Messages" bare>
    <${Table} caption="Messages found" columns=${COLUMNS} rows=${pages.items ?? []} keyOf=${m => m.message_id} href=${m => link(`/messages/${m.message_id}`)} />
    <${Pager} pages=${pages}>newest first</${Pager}></${Card}>`;
}
