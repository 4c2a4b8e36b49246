// unmatched: reports of providers that are about no message of ours, and the rule that would match them.
import {
  Answered, Badge, Card, Choice, Coded, Confirm, count, del, Empty, Head, html, link, many, may, NONE, Pager, post, replace, say,
  Table, Time, useApi, usePages, useState, Verdict,
} from "../lib.js";

export const screen = {path: "/unmatched", title: "Unmatched", key: "n", icon: "unmatched", group: 1,
  flag: now => { const n = (now.providers ?? []).reduce((sum, p) => sum + (p.reports?.unmatched_1h ?? 0), 0); return n > 0 && {n, tone: "warn"}; }};

const EXAMPLES = [
  {head: "The report says", cell: e => html`<span class="mono any">${e.provider_message_id}</span>`},
  {head: "The answer said", cell: e => html`<span class="mono any">${e.ours}</span>`},
  {head: "Message", cell: e => html`<a class="mono" href=${link(`/messages/${e.message_id}`)}>${e.message_id}</a>`},
];

function Tried({answer, settle}) {
  const useful = answer.fits - answer.ended;
  return html`<p>${answer.settled > 0 ? `${many(answer.settled, "report")} settled ${answer.settled === 1 ? "its message" : "their messages"}.` : `Of ${many(answer.reports, "report")} ${count(answer.fits)} would fit one message each, ${count(answer.ambiguous)} would fit several and stay. ${answer.ended > 0 ? `${count(answer.ended)} of the messages have ended: their reports change nothing.` : ""} Nothing has been changed.`}</p>
    ${!answer.settled && useful > 0 && html`<p class="actions"><button onClick=${settle}>Settle ${many(useful, "message")} now</button></p>`}`;
}

/** The rule that makes sense of a provider's reports, if there is one; tried, and put to use once. */
function Suggestion({provider, again}) {
  const found = useApi("/unmatched/suggestion", {values: {provider}}), [tried, set] = useState({}), rule = found.data?.suggestion;
  if (!rule) return null;
  const attempt = async dry => {
    try {
      const answer = await post("/unmatched/try", {provider, rule: rule.rule, dry_run: dry});
      set({answer});
      if (!dry) { say(`${many(answer.settled, "message")} settled by ${provider}'s reports.`); again(); }
    } catch (error) {
      set({error});
    }
  };
  return html`<${Verdict} tone="warn" title=${`${provider}: ${rule.says}`}
      why=${html`${count(rule.fits)} of ${count(rule.of)} reports would fit a message by that rule, and none would fit two.`}
      todo=${[rule.setting ? html`Set <code>${rule.setting}</code> and <a href="#/settings">apply the file</a>, so that the next ones match.` : "No setting means that rule: settle the messages here, and ask them to write ids as they answer them.",
        `Tell ${provider}: their answers and their reports name the same message differently.`]}>
    ${may("operator") && html`<p class="actions"><button class="primary" onClick=${() => attempt(true)}>Try it on these reports</button></p>`}
    <div aria-live="polite">${tried.answer && html`<${Tried} answer=${tried.answer} settle=${() => attempt(false)} />`}${tried.error && html`<p class="bad">${tried.error.message}</p>`}</div></${Verdict}>
    ${rule.examples.length > 0 && html`<${Card} title="For example" muted=${provider} bare><${Table} caption=${`Reports of ${provider} and their messages`} columns=${EXAMPLES} rows=${rule.examples} /></${Card}>`}`;
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
  {head: "To", nowrap: true, p: 2, cell: u => u.destination ? html`<span class="mono">${u.destination}</span>` : NONE},
  {head: "Why it belongs to nothing", full: true, cell: u => html`<span class="any"><${Coded} text=${u.says} /></span><span class="sub"><${Coded} text=${u.remedy} /></span>`},
];

export function View({query}) {
  const {provider, kind} = query, set = (name, value) => replace("/unmatched", {...query, [name]: value}), providers = useApi("/providers");
  const pages = usePages("/unmatched", {provider, kind}, {every: 10}), seen = [...new Set((pages.items ?? []).filter(u => u.kind === "report").map(u => u.provider))];
  const known = [["", "any"], ...(providers.data?.items ?? []).map(p => [p.name, p.name])];
  const none = provider || kind ? html`<${Empty} title="Nothing of that kind in the last 24 hours"><a href="#/unmatched">Show all</a></${Empty}>`
    : html`<${Empty} title="Every report found its message"><span>What a provider sends that belongs to no message of ours stays here for 24 hours, with the rule that would match it.</span></${Empty}>`;
  return html`<${Head} title="Unmatched reports" says="Reports that are about no message of ours. They are kept for 24 hours." />
    ${(provider ? seen.filter(name => name === provider) : seen).map(name => html`<${Suggestion} key=${name} provider=${name} again=${pages.again} />`)}
    <section class="card"><div class="pad row"><${Choice} label="Provider" value=${provider ?? ""} options=${known} onChange=${v => set("provider", v)} />
      <${Choice} label="Kind" value=${kind ?? ""} options=${KINDS} onChange=${v => set("kind", v)} /></div></section>
    <${Card} title=${pages.items ? `${count(pages.items.length)}${pages.older ? " and more" : ""}` : "Unmatched"} muted="newest first"
      right=${may("operator") && provider && pages.items?.length > 0 && html`<${Dismiss} provider=${provider} again=${pages.again} />`} bare>
      <${Answered} of=${pages} what="unmatched reports">${() => pages.items.length ? html`<${Table} caption="Unmatched reports" columns=${COLUMNS} rows=${pages.items} /><${Pager} pages=${pages}>${may("operator") && !provider ? "Choose a provider to dismiss its reports." : ""}</${Pager}>` : none}</${Answered}></${Card}>`;
}
