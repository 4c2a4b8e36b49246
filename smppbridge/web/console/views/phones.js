// phones: messages and USSD dialogues that begin at a phone, who gets them, and numbers that opted out.
import {Ago, Answered, Badge, Card, Coded, Confirm, count, del, duration, Empty, Field, Head, html, link, may, NONE, Pager, say, Table, Tile, Time, useApi, usePages, useState} from "../lib.js";

export const screen = {path: "/phones", title: "From phones", key: "f", icon: "mo", group: 2};

const MESSAGES = [
  {head: "When", nowrap: true, cell: m => html`<${Time} at=${m.at} />`},
  {head: "From", nowrap: true, cell: m => html`<span class="mono">${m.source}</span>`},
  {head: "To", nowrap: true, cell: m => html`<span class="mono">${m.destination}</span>`},
  {head: "By", p: 2, cell: m => m.provider},
  {head: "Account", cell: m => html`<a href=${link(`/accounts/${encodeURIComponent(m.account)}`)}>${m.account}</a>`},
  {head: "Now", cell: m => m.refused ? html`<${Badge} tone="bad" word=${`refused: ${m.refused}`} />` : m.owed > 0 ? html`<${Badge} tone="warn" word=${`${count(m.owed)} owed`} />` : html`<${Badge} tone="ok" word="acknowledged" />`},
];
const STRAYS = [
  {head: "When", nowrap: true, cell: u => html`<${Time} at=${u.at} />`},
  {head: "From", nowrap: true, cell: u => html`<span class="mono">${u.source || NONE}</span>`},
  {head: "To", nowrap: true, cell: u => html`<span class="mono">${u.destination || NONE}</span>`},
  {head: "By", p: 2, cell: u => u.provider},
  {head: "What would take it", full: true, cell: u => html`<span class="any"><${Coded} text=${u.says} /></span><span class="sub"><${Coded} text=${u.remedy} /></span>`},
];
const DIALOGUES = [
  {head: "Code", cell: d => html`<span class="mono any">${d.code}</span>`},
  {head: "Phone", cell: d => html`<span class="mono">${d.phone}</span>`},
  {head: "Account", cell: d => d.account},
  {head: "Requests", num: true, cell: d => count(d.requests)},
  {head: "Since the last", num: true, cell: d => duration(d.waiting_seconds)},
  {head: "Now", cell: d => html`<${Badge} tone=${d.waits_for === "account" ? "warn" : "info"} word=${d.waits_for === "account" ? `${d.account} thinks, ${duration(d.left_seconds)} left` : "the phone reads"} />`},
];

const RULES = [
  {head: "To", nowrap: true, cell: r => html`<span class="mono">${r.to}</span>`},
  {head: "Keyword", cell: r => r.keyword ?? html`<span class="faint">any</span>`},
  {head: "By", cell: r => r.provider ?? html`<span class="faint">any</span>`},
  {head: "Account", cell: r => html`<a href=${link(`/accounts/${encodeURIComponent(r.account)}`)}>${r.account}</a>`},
];

function Rules() {
  const found = useApi("/mo/rules");
  return html`<${Card} title="Rules" muted="the first that fits" bare><${Answered} of=${found} what="the rules for messages from phones">${data => data.items.length
    ? html`<${Table} caption="Rules for messages from phones" columns=${RULES} rows=${data.items} />`
    : html`<${Empty} icon="mo" title="No account gets messages from phones"><span>Add a rule to <code>mo</code> in the file, then <a href="#/settings">apply it</a>.</span></${Empty}>`}</${Answered}></${Card}>`;
}

function Messages() {
  const pages = usePages("/mo", {}, {every: 5});
  return html`<${Card} title="Messages" muted="newest first; texts are not shown" bare><${Answered} of=${pages} what="messages from phones">${() => pages.items.length
    ? html`<${Table} caption="Messages from phones" columns=${MESSAGES} rows=${pages.items} keyOf=${m => m.message_id} /><${Pager} pages=${pages} />`
    : html`<${Empty} icon="mo" title="No message came from a phone"><span>A provider calls back for each one. Which account gets it is said by <code>mo</code> in the file.</span></${Empty}>`}</${Answered}></${Card}>`;
}

function Strays() {
  const pages = usePages("/mo/unrouted", {}, {every: 10});
  return html`<${Card} title="Nobody's" muted="24 h" bare><${Answered} of=${pages} what="messages that nobody owns">${() => pages.items.length
    ? html`<${Table} caption="Messages from phones that nobody owns" columns=${STRAYS} rows=${pages.items} /><${Pager} pages=${pages} />`
    : html`<${Empty} title="Every message from a phone had an owner"><span>One that no rule of <code>mo</code> gives to an account stands here.</span></${Empty}>`}</${Answered}></${Card}>`;
}

const Dialogues = ({found}) => html`<${Card} title="USSD dialogues" muted="what is typed and shown is never kept" bare><${Answered} of=${found} what="USSD dialogues">${data => data.items.length
  ? html`<${Table} caption="USSD dialogues" columns=${DIALOGUES} rows=${data.items} />`
  : html`<${Empty} icon="mo" title="No dialogue is open"><span>Dialogues last for seconds: they are here while a phone shows one.</span></${Empty}>`}</${Answered}></${Card}>`;

function End({row, number, again}) {
  const [asking, ask] = useState(false);
  const end = async () => { await del(`/optouts/${encodeURIComponent(row.provider)}/${number}`); say(`${row.number} gets messages by ${row.provider} again.`); again(); };
  return html`<button class="danger" onClick=${() => ask(true)}>End opt-out…</button>
    <${Confirm} title=${`End the opt-out of ${row.number}?`} open=${asking} danger act="End 1 opt-out" onClose=${() => ask(false)} does=${end}>
      <p>${row.number} gets messages by ${row.provider} again, at once. The person had said STOP: end it only if they asked for that.</p></${Confirm}>`;
}

const digits = text => text.replace(/^\+|^00/, "").replace(/\D/g, "");
function OptOuts() {
  const [text, set] = useState(""), number = /^\d{3,15}$/.test(digits(text)) ? digits(text) : undefined, found = useApi("/optouts", {every: 30, values: {number, limit: 100}});
  const columns = [
    {head: "Number", nowrap: true, cell: o => html`<span class="mono">${o.number}</span>`},
    {head: "By", cell: o => o.provider},
    {head: "Since", nowrap: true, cell: o => html`<${Ago} at=${o.at} />`},
    ...number && may("operator") ? [{label: "actions", cell: o => html`<${End} row=${o} number=${number} again=${found.again} />`}] : [],
  ];
  const none = number ? html`<${Empty} title="This number has not opted out"><span>It gets messages, as far as opt-outs go.</span></${Empty}>`
    : html`<${Empty} title="No number has opted out"><span>Who sends STOP stands here, and gets no more messages where <code>optouts</code> of the provider is <code>refuse</code>.</span></${Empty}>`;
  return html`<${Card} title="Opted out" bare><div class="pad row"><${Field} label="Number" value=${text} onChange=${set} inputmode="tel" maxlength="24" placeholder="whole, with its country code"
      small=${may("operator") ? "Numbers are masked: an opt-out can be ended by who knows the whole number." : undefined} /></div>
    <${Answered} of=${found} what="opt-outs">${data => data.items.length ? html`<${Table} caption="Numbers that opted out" columns=${columns} rows=${data.items} />` : none}</${Answered}></${Card}>`;
}

export function View() {
  const dialogues = useApi("/ussd", {every: 2}), open = Object.entries(dialogues.data?.open ?? {}).filter(([, n]) => n > 0);
  return html`<${Head} title="From phones" says="Messages and USSD dialogues that begin at a phone, and who gets them." />
    ${open.length > 0 && html`<div class="tiles">${open.slice(0, 6).map(([account, n]) => html`<${Tile} key=${account} k=${`Dialogues of ${account}`} v=${count(n)} d=${n === 1 ? "open now" : "open now"} />`)}</div>`}
    <div class="grid2 top"><${Messages} /><${Strays} /></div><div class="grid2 top"><${Rules} /><${Dialogues} found=${dialogues} /></div><${OptOuts} />`;
}
