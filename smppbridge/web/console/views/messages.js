// messages: where is my SMS?
import {
  between, Card, cell, duration, Empty, go, Head, html, Icon, link, many, MessageBadge, moment, NONE, Pager, save, serverNow, STATES, Table, Time,
  Trouble, useApi, useEffect, useMemo, usePages, useState,
} from "../lib.js";

export const screen = {path: "/messages", title: "Messages", key: "m", icon: "messages", group: 1};

const PERIODS = [["1h", "the last hour", 3600], ["24h", "the last 24 hours", 86400], ["7d", "the last 7 days", 604800]];
const STAGES = [["waiting", "waiting"], ["submitting", "being sent"], ["submitted", "sent, no report"], ["finished", "finished"]];
const STATE_WORDS = [["uncertain", "Uncertain"], ...STAGES, ...Object.entries(STATES).map(([name, [, word]]) => [name, word])];

/** A search text as the API takes it: a number in any form, or an id; null if it is neither. */
function sought(text) {
  const digits = text.replace(/\D/g, "");
  if (/^\+?[0-9][0-9 ().-]+$/.test(text) && digits.length <= 15) return {number: text, id: /^\d+$/.test(text) ? text : null};
  if (/^00[0-9]+$/.test(text) && digits.length <= 17) return {number: "+" + digits.slice(2), id: text};
  return /^[!-~]{1,64}$/.test(text) ? {number: null, id: text} : null;
}

const national = text => /^0[1-9]/.test(text.replace(/[ ().-]/g, ""));

/** The query of the API for the values of the address; null if the text is no number and no id. */
function asked({q, account, provider, state, since, country, by}, from) {
  const found = q ? sought(q) : {};
  if (!found) return null;
  if (q && (by === "id" || !found.number)) return {id: found.id};
  const stage = STAGES.some(([name]) => name === state) ? state : undefined;
  return {number: found.number, account, provider, stage, uncertain: state === "uncertain" ? "true" : undefined,
    state: state && !stage && state !== "uncertain" ? state : undefined, since: from, country: q && national(q) && !account ? country : undefined};
}

const COLUMNS = [
  {head: "Message", cell: m => html`<a class="mono" href=${link(`/messages/${m.message_id}`)}>${m.message_id}</a>`},
  {head: "Accepted", nowrap: true, cell: m => html`<${Time} at=${m.accepted_at} />`},
  {head: "Account", cell: m => m.account},
  {head: "To", cell: m => html`<span class="mono">${m.destination}</span>`},
  {head: "From", p: 2, cell: m => html`<span class="any">${m.source || NONE}</span>`},
  {head: "Provider", p: 2, cell: m => html`${m.provider ?? NONE}${m.route?.length > 1 && m.provider && m.route[0] !== m.provider ? html` <span class="sub">not ${m.route[0]}</span>` : null}`},
  {head: "State", cell: m => html`<${MessageBadge} message=${m} />`},
  {head: "Segments", num: true, p: 3, cell: m => m.segments || 1},
  {head: "Until final", num: true, nowrap: true, p: 2, cell: m => duration(between(m.accepted_at, m.done_at))},
];

const CSV = ["message_id", "accepted_at", "account", "source", "destination", "provider", "provider_message_id", "stage", "state", "uncertain", "error", "attempts", "done_at"];
const csv = rows => [CSV.join(), ...rows.map(row => CSV.map(name => cell(row[name])).join())].join("\r\n") + "\r\n";

const Select = ({name, value, any = "any", options, onChange}) => html`<label class="f">${name}<select value=${value ?? ""} onChange=${e => onChange(e.target.value)}>
  <option value="">${any}</option>${options.map(([key, words]) => html`<option key=${key} value=${key}>${words}</option>`)}</select></label>`;

function Search({query, accounts, providers}) {
  const [form, set] = useState(query), put = name => value => set(old => ({...old, [name]: value}));
  useEffect(() => set(query), [query]);
  const submit = event => { event.preventDefault(); const {by, country, ...rest} = form; go("/messages", {...rest, q: (form.q ?? "").trim()}); };
  return html`<section class="card"><form class="pad row" onSubmit=${submit}>
    <label class="f">Number or id<input value=${form.q ?? ""} onInput=${e => put("q")(e.target.value)} maxlength="64" autocomplete="off" spellcheck=${false} /></label>
    <${Select} name="Account" value=${form.account} options=${accounts.map(a => [a.id, a.id])} onChange=${put("account")} />
    <${Select} name="State" value=${form.state} options=${STATE_WORDS} onChange=${put("state")} />
    <${Select} name="Provider" value=${form.provider} options=${providers.map(p => [p.name, p.name])} onChange=${put("provider")} />
    <${Select} name="Since" value=${form.since} any="any time" options=${PERIODS} onChange=${put("since")} />
    <button class="primary fix">Find</button></form></section>`;
}

const LABELS = {q: "", account: "account", state: "state", provider: "provider", since: "since", country: "country"};
const shown = (name, value) => name === "since" ? PERIODS.find(each => each[0] === value)?.[1] ?? value : name === "state" ? STATE_WORDS.find(each => each[0] === value)?.[1] ?? value : value;
const Chips = ({query}) => html`${Object.keys(LABELS).filter(name => query[name]).map(name => html`<span key=${name} class="chip">${LABELS[name]} ${shown(name, query[name])}
  <button aria-label=${`Remove ${LABELS[name] || "the search"}`} onClick=${() => go("/messages", {...query, [name]: "", by: name === "q" ? "" : query.by})}>×</button></span>`)}`;

function None({query, accounts}) {
  const {q, since} = query, number = q && sought(q)?.number, countries = [...new Set(accounts.map(a => a.country).filter(Boolean))];
  const period = since ? ` of ${shown("since", since)}` : "", other = q && number && /^\d+$/.test(q);
  const title = !q ? `No such message${period}` : !sought(q) ? "This is no number and no id" : number && query.by !== "id" ? `No message to ${q}${period}` : `No message has the id ${q}`;
  return html`<${Empty} icon="search" title=${title}>
    ${q && number && national(q) && !query.account && query.by !== "id" && html`<span>${q} is a national number; whose it is depends on the country.</span>`}
    <span>What is older than the retention is deleted here; the CDR files go further back.<br />What was refused at the door never became a message.</span>
    <span class="actions">${q && number && national(q) && !query.account && countries.filter(each => each !== query.country).map(each => html`<button key=${each} onClick=${() => go("/messages", {...query, country: each, by: ""})}>As a number of ${each}</button>`)}
      ${other && query.by !== "id" && html`<button onClick=${() => go("/messages", {q, by: "id"})}>Search as an id</button>`}
      ${since && html`<button onClick=${() => go("/messages", {...query, since: ""})}>Any time</button>`}
      ${Object.keys(query).length > 0 && html`<a class="button" href="#/messages">All messages</a>`}<a class="button" href="#/refused">Refused at the door</a></span></${Empty}>`;
}

export function View({query}) {
  const accounts = useApi("/accounts").data?.items ?? [], providers = useApi("/providers").data?.items ?? [], countries = [...new Set(accounts.map(a => a.country).filter(Boolean))];
  const period = PERIODS.find(each => each[0] === query.since)?.[2];
  const from = useMemo(() => period ? new Date(serverNow() - period * 1000).toISOString() : undefined, [query]);
  const values = asked({...query, country: query.country ?? (countries.length === 1 ? countries[0] : undefined)}, from);
  const pages = usePages(values ? "/messages" : null, values ?? {}, {every: query.q ? undefined : 10}), {items, error, again} = pages;
  const title = !items ? "Messages" : pages.first && !pages.next ? many(items.length, "message") : "Messages";
  const right = html`<${Chips} query=${query} />`;
  const sole = query.q && items?.length === 1 && pages.first && items[0];
  return html`<${Head} title="Messages" says="Where is my SMS? A number is found in any form: 0810000042, +243 810 000 042.">
      <button disabled=${!items?.length} title="The messages below, numbers masked" onClick=${() => save(`messages-${new Date(serverNow()).toISOString().slice(0, 10)}.csv`, csv(items), "text/csv")}><${Icon} name="download" />CSV</button></${Head}>
    <${Search} query=${query} accounts=${accounts} providers=${providers} /><${Trouble} error=${error} again=${again} />
    <${Card} title=${items?.length === 0 || !values ? "No message" : title} bare right=${right}>${!values || items?.length === 0 && !pages.searchedTo ? html`<${None} query=${query} accounts=${accounts} />`
      : items && html`<${Table} caption="Messages found" columns=${COLUMNS} rows=${items} keyOf=${m => m.message_id} href=${m => link(`/messages/${m.message_id}`)} />
      <${Pager} pages=${pages}>${pages.searchedTo && html`<b>searched back to ${moment(pages.searchedTo, serverNow())}: “Older” goes on</b> · `}newest first · times UTC · numbers masked, texts not shown${sole && html` · <a href=${link(`/messages/${sole.message_id}`)}>open it</a>`}</${Pager}>`}</${Card}>`;
}
