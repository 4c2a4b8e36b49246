// uncertain: the desk where a person decides about messages whose fate nobody knows.
import {Card, Head, html, Pager, Table, usePages} from "../lib.js";

export const screen = {path: "/uncertain", title: "Uncertain", key: "u", icon: "uncertain", group: 1,
  flag: now => now.uncertain > 0 && {n: now.uncertain, tone: "unsure"}};

export function View() {
  const pages = usePages("/uncertain", null, {every: 5});
  return html`<${Head} title="Uncertain" /><${Card} title="Messages" bare>
    <${Table} caption="Uncertain messages" columns=${[{head: "Message", cell: m => m.message_id}]} rows=${pages.items ?? []} /><${Pager} pages=${pages} /></${Card}>`;
}
