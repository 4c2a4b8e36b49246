// unmatched: reports of providers that are about no message of ours, and the rule that would match them.
import {Badge, Card, Confirm, count, del, Empty, Head, html, link, many, may, NONE, Pager, percent, post, replace, say, Table, Time, useApi, usePages, useState} from "../lib.js";
import {Asked, Choice, Verdict} from "../asked.js";

export const screen = {path: "/unmatched", title: "Unmatched", key: "n", icon: "unmatched", group: 1,
  flag: now => { const n = (now.providers ?? []).reduce((sum, p) => sum + (p.reports?.unmatched_1h ?? 0), 0); return n > 0 && {n, tone: "warn"}; }};

/** What each rule says of a provider's reports, and the value of `ids` that sets it. */
const RULES = {
  case: "write ids in other letters, large or small",
  zeros: "write ids without their leading zeros",
  hex_to_decimal: "write in decimal the ids that their answers have in hexadecimal",
  decimal_to_hex: "write in hexadecimal the ids that their answers have in decimal",
  prefix: "write something in front of the ids",
  suffix: "write something behind the ids",
};
const named = rule => typeof rule === "string" ? {name: rule} : rule ?? {};
const ruleWords = rule => { const {name, text} = named(rule); return `${RULES[name] ?? name}${text ? `: ${text}` : ""}`; };

function Suggestion({provider, again}) {
  const found = useApi("/unmatched/suggestion", {values: {provider}}), [tried, set] = useState({});
  const data = found.data, rule = data?.suggestion?.rule ?? data?.rule, figures = data?.suggestion ?? data ?? {};
  if (found.error && ![403, 404].includes(found.error.status)) return html`<p class="muted">No rule can be looked for now: ${found.error.message}</p>`;
  if (!rule) return null;
  const attempt = async dry => {
    try {
      const answer = await post("/unmatched/try", {provider, rule, dry_run: dry});
      set({answer, dry});
      if (!dry) { say(`${many(answer.matched ?? 0, "report")} found ${(answer.matched ?? 0) === 1 ? "its message" : "their messages"}.`); again(); }
    } catch (error) {
      set({error});
    }
  };
  const {answer} = tried, reports = figures.reports ?? figures.of, setting = figures.setting ?? `providers.${provider}.ids`;
  return html`<${Verdict} tone="warn" title=${`${provider}'s reports ${ruleWords(rule)}.`}
      why=${html`${count(figures.matched ?? figures.fits)} of ${count(reports)} reports would fit a message by that rule, and none would fit two.`}
      todo=${[html`Set <code>${setting}</code> and <a href="#/settings">apply the file</a>, so that the next ones match.`, html`Tell ${provider}: their answers and their reports name the same message differently.`]}>
    ${may("operator") && html`<p class="actions"><button class="primary" onClick=${() => attempt(true)}>Try it on ${count(reports)} reports</button>
      ${answer && tried.dry && (answer.matched ?? 0) > 0 && html`<button onClick=${() => attempt(false)}>Match these ${count(answer.matched)} now</button>`}</p>`}
    <div aria-live="polite">${answer && tried.dry && html`<p>${count(answer.matched)} would match, ${count(answer.ambiguous ?? 0)} would fit two messages, ${count(answer.unmatched ?? Math.max(0, (reports ?? 0) - (answer.matched ?? 0)))} would still fit none. Nothing has been changed.</p>`}
    ${tried.error && html`<p class="bad">${tried.error.message}</p>`}</div></${Verdict}>`;
}

function Dismiss({provider, again}) {
  const [asking, ask] = useState(false), [before] = useState(() => new Date().toISOString());
  const dismiss = async () => { const {deleted} = await del("/unmatched", {provider, before}); say(`${many(deleted, "item")} of ${provider} dismissed.`); again(); };
  return html`<button class="danger" onClick=${() => ask(true)}>Dismiss those of ${provider}…</button>
    <${Confirm} title=${`Dismiss what ${provider} sent?`} open=${asking} danger act=${`Dismiss those of ${provider}`} onClose=${() => ask(false)} does=${dismiss}>
      <p>Everything of ${provider} in this list is deleted, also what is on other pages. These reports can then not be matched any more: their messages keep the state that they have.</p>
      <p>Reports that may still find their message stay.</p></${Confirm}>`;
}

const KINDS = [["", "reports and messages"], ["report", "reports"], ["mo", "messages from phones"]];
const tone = state => state === "DELIVERED" ? "ok" : state === "ENROUTE" || state === "ACCEPTED" ? "info" : "bad";
const COLUMNS = [
  {head: "When", nowrap: true, cell: u => html`<${Time} at=${u.at} />`},
  {head: "Provider", cell: u => html`<a href=${link(`/providers/${encodeURIComponent(u.provider)}`)}>${u.provider}</a>`},
  {head: "Its id", cell: u => u.provider_message_id ? html`<span class="mono any">${u.provider_message_id}</span>` : NONE},
  {head: "State", cell: u => u.kind === "mo" ? html`<${Badge} tone="info" word="from a phone" />` : u.state ? html`<${Badge} tone=${tone(u.state)} word=${u.state} />` : NONE},
  {head: "To", p: 2, cell: u => u.destination ? html`<span class="mono any">${u.destination}</span>` : NONE},
  {head: "Why it belongs to nothing", full: true, cell: u => html`<span class="any">${u.says}</span><span class="sub">${u.remedy}</span>`},
];

export function View({query}) {
  const {provider, kind} = query, set = (name, value) => replace("/unmatched", {...query, [name]: value}), providers = useApi("/providers");
  const pages = usePages("/unmatched", {provider, kind}, {every: 10}), seen = [...new Set((pages.items ?? []).filter(u => u.kind === "report").map(u => u.provider))];
  const known = [["", "any"], ...(providers.data?.items ?? []).map(p => [p.name, p.name])];
  const none = provider || kind ? html`<${Empty} title="Nothing of that kind in the last 24 hours"><a href="#/unmatched">Show all</a></${Empty}>`
    : html`<${Empty} title="Every report found its message"><span>What a provider sends that belongs to no message of ours stays here for 24 hours, with the rule that would match it.</span></${Empty}>`;
  return html`<${Head} title="Unmatched reports" says="Reports that are about no message of ours. They are kept for 24 hours." />
    ${(provider ? [provider] : seen).map(name => html`<${Suggestion} key=${name} provider=${name} again=${pages.again} />`)}
    <section class="card"><div class="pad row"><${Choice} label="Provider" value=${provider ?? ""} options=${known} onChange=${v => set("provider", v)} />
      <${Choice} label="Kind" value=${kind ?? ""} options=${KINDS} onChange=${v => set("kind", v)} /></div></section>
    <${Card} title=${pages.items ? `${count(pages.items.length)}${pages.older ? " and more" : ""}` : "Unmatched"} muted="newest first"
      right=${may("operator") && provider && pages.items?.length > 0 && html`<${Dismiss} provider=${provider} again=${pages.again} />`} bare>
      <${Asked} of=${pages} what="unmatched reports">${() => pages.items.length ? html`<${Table} caption="Unmatched reports" columns=${COLUMNS} rows=${pages.items} /><${Pager} pages=${pages}>${may("operator") && !provider ? "Choose a provider to dismiss its reports." : ""}</${Pager}>` : none}</${Asked}></${Card}>`;
}
