// message: one message: what became of it, why, and what to do.
import {Card, Facts, Head, html, Trouble, useApi} from "../lib.js";

export const screen = {path: "/messages/:id", title: "Message", under: "/messages"};

export function View({params}) {
  const {data, error, again} = useApi(`/messages/${encodeURIComponent(params.id)}`);
  if (!data) return html`<${Head} title=${params.id} mono /><${Trouble} error=${error} again=${again} />`;
  return html`<${Head} title=${data.message_id} mono above=${html`<a href="#/messages">Messages</a>`} />
    <${Card} title="What it is"><${Facts} rows=${[["From", data.source], ["To", data.destination]]} /></${Card}>`;
}
