// provider: one of them: is it well, since when not, and what can be done about it by hand.
import {
  Act, Ago, Answered, Badge, Card, Chart, Confirm, count, duration, Empty, Head, html, laneWord, link, many, may, NONE, percent,
  post, say, serverNow, Spark, Table, Tile, Time, useApi, useMemo, useState, Verdict,
} from "../lib.js";
import {creditOf, failing, laneVerdict, money, ways} from "../lanes.js";
import {lines, seconds} from "../history.js";
import {SettingsTable} from "../settings_table.js";
import {unanswered} from "../parts.js";
import {WaitingDesk} from "../waiting_desk.js";

export const screen = {path: "/providers/:name", title: "Provider", under: "/providers"};

const RANGES = [["15m", "15 min", 900], ["24h", "24 h", 86_400]];

/** Pause, or resume: a pause outlives a restart, so the question says what becomes of messages. */
function Pause({provider, again}) {
  const [asking, ask] = useState(false), {name, waiting} = provider, path = `/providers/${encodeURIComponent(name)}`;
  if (provider.state === "held") {
    return html`<${Act} kind="primary" does=${async () => { await post(`${path}/resume`); again(); }} done=${`Messages leave to ${name} again.`}>Resume</${Act}>`;
  }
  return html`<button class="danger" onClick=${() => ask(true)}>Pause…</button>
    <${Confirm} title=${`Pause ${name}?`} open=${asking} danger act=${`Pause ${name}`} onClose=${() => ask(false)}
      does=${async () => { const {silent} = await post(`${path}/pause`); say(`${name} is paused: nothing leaves until it is resumed.${unanswered(silent)}`, silent.length ? "warn" : "ok"); again(); }}>
      <p>Nothing more is sent to ${name}, not even after a restart of the bridge, until somebody resumes it. What is on its way there is not called back.</p>
      <p>${waiting.messages > 0 ? `${many(waiting.messages, "message")} that wait${waiting.messages === 1 ? "s" : ""} for it` : "New messages"} go to the next provider of their route, or wait, and expire when their time is over.</p></${Confirm}>`;
}

function Actions({provider, again}) {
  if (!may("operator")) return null;
  const path = `/providers/${encodeURIComponent(provider.name)}`;
  const balance = async () => { const answer = await post(`${path}/balance`); again(); return answer; };
  const told = answer => answer?.amount === undefined ? "The provider has been asked." : `${provider.name} says: ${money(answer)}.`;
  return html`<${Act} does=${balance} done=${told}>Ask for the balance</${Act}>
    ${["open", "probing"].includes(provider.state) && html`<${Act} does=${async () => { await post(`${path}/probe`); again(); }} done=${`The next message goes to ${provider.name} as a probe.`}>Probe now</${Act}>`}
    <${WaitingDesk} provider=${provider} again=${again} /><${Pause} provider=${provider} again=${again} />`;
}

function Tiles({provider, past}) {
  const {breaker, waiting, answer_seconds: answers, balance, reports} = provider, credit = creditOf(balance), [tone, word] = laneWord(provider.state);
  return html`<div class="tiles">
    <${Tile} k="State" words v=${word} tone=${tone === "info" ? undefined : tone} d=${breaker?.next_probe_at ? html`probe <${Ago} at=${breaker.next_probe_at} />` : breaker?.failures > 0 ? `${many(breaker.failures, "failure")} in a row${breaker.opens_after ? `, opens after ${count(breaker.opens_after)}` : ""}` : provider.rate ? `at most ${count(provider.rate)} segments/s` : ""} />
    <${Tile} k="Waiting" v=${count(waiting.messages)} tone=${waiting.oldest_seconds > 30 ? "warn" : undefined} href=${link("/messages", {provider: provider.name, stage: "waiting"})} d=${waiting.messages > 0 ? `oldest ${duration(waiting.oldest_seconds)}` : ""}><${Spark} ys=${past.waiting} /></${Tile}>
    <${Tile} k="In flight" v=${count(provider.in_flight)} unit=${`of ${count(provider.concurrency)}`} d="not answered yet" />
    <${Tile} k="Answers, p99" v=${duration(answers?.p99)} d=${answers?.p50 ? `p50 ${duration(answers.p50)}` : "none lately"}><${Spark} ys=${past.p99} color="--c4" /></${Tile}>
    <${Tile} k="Reports until final" v=${duration(reports?.until_final?.p50)} d=${reports?.until_final?.p99 ? `p99 ${duration(reports.until_final.p99)}` : ways(reports)} />
    <${Tile} k="Credit" words=${credit.amount || !balance} v=${credit.main} tone=${credit.tone === "warn" ? "warn" : undefined} d=${credit.sub ?? (balance?.at ? html`told <${Ago} at=${balance.at} />` : balance ? "" : "ask for it, if they tell it")} />
  </div>`;
}

function Charts({name}) {
  const [range, set] = useState("15m"), length = RANGES.find(each => each[0] === range)[2], series = ["taken", "failing", "p50", "p99", "waiting"].map(each => `provider.${name}.${each}`);
  const found = useApi("/history", {every: length > 3600 ? 60 : 5, values: {series: series.join(), from: useMemo(() => length > 900 ? new Date(serverNow() - length * 1000).toISOString() : undefined, [length])}});
  const pick = html`<span class="actions">${RANGES.map(([key, words]) => html`<button key=${key} class="plain" aria-pressed=${String(key === range)} onClick=${() => set(key)}>${words}</button>`)}</span>`;
  const drawn = useMemo(() => found.data && {xs: seconds(found.data),
    requests: lines(found.data, [[series[0], "taken", "--c2", true], [series[1], "failed", "--bad"]]),
    answers: lines(found.data, [[series[2], "p50", "--c1"], [series[3], "p99", "--c4"]], 1000)}, [found.data]);
  return html`<div class="grid2"><${Card} title="Requests" muted="a second" right=${pick} bare><${Answered} of=${found} what="the course of requests">${() => drawn.requests.length
      ? html`<${Chart} low xs=${drawn.xs} series=${drawn.requests} unit=" /s" label=${`Requests to ${name} by outcome`} />` : html`<${Empty} icon="info" title="Nothing was sent there in this time"><span>Figures come with the first message.</span></${Empty}>`}</${Answered}></${Card}>
    <${Card} title="Answers" muted="logarithmic" bare><${Answered} of=${found} what="the course of answers">${() => drawn.answers.length
      ? html`<${Chart} low log xs=${drawn.xs} series=${drawn.answers} unit=" ms" label=${`Time to the answers of ${name}, p50 and p99`} />` : html`<${Empty} icon="info" title="No answer was measured in this time" />`}</${Answered}></${Card}></div>`;
}

const MONTH = 30 * 86_400;

/** The credit over 30 days: a steeper line than last week's is a loop, or a thief. */
function Credit({name}) {
  const found = useApi(`/providers/${encodeURIComponent(name)}/credit`, {every: 60});
  const drawn = useMemo(() => {
    const items = found.data?.items ?? [], last = items.at(-1), to = Math.ceil(serverNow() / 1000);
    if (!last) return null;
    const mine = items.filter(each => each.unit === last.unit);
    return {last, from: to - MONTH, to, xs: mine.map(each => Date.parse(each.at) / 1000), series: [{name: last.unit || "credit", color: "--c4", fill: true, ys: mine.map(each => each.amount)}]};
  }, [found.data]);
  return html`<${Card} title="Credit" muted="30 days, by the hour" bare><${Answered} of=${found} what="the course of the credit">${() => drawn
    ? html`<${Chart} low days xs=${drawn.xs} series=${drawn.series} from=${drawn.from} to=${drawn.to} label=${`Credit at ${name} over 30 days, now ${money(drawn.last)}`} />`
    : html`<${Empty} icon="info" title="The credit here was never told"><span>Where a provider tells it, the bridge asks every so often (<code>balance_every</code>), and keeps an amount an hour for 30 days.</span></${Empty}>`}</${Answered}></${Card}>`;
}

const KINDS = {not_sent: ["warn", "not sent"], no_answer: ["unsure", "no answer"], refused: ["bad", "refused"], postponed: ["warn", "put off"], uncertain: ["unsure", "Uncertain"]};
const ERRORS = [
  {head: "When", nowrap: true, cell: e => html`<${Time} at=${e.at} />`},
  {head: "What", full: true, cell: e => { const [tone, word] = KINDS[e.kind] ?? ["", e.kind]; return html`<${Badge} tone=${tone} word=${word} /> <span class="any">${e.reason}</span>${e.words && html`<span class="sub any">“${e.words}”</span>`}`; }},
  {head: "HTTP", num: true, p: 2, cell: e => e.http_status ?? NONE},
  {head: "Took", num: true, p: 2, cell: e => duration(e.seconds)},
  {head: "Message", nowrap: true, cell: e => html`<a class="mono" href=${link(`/messages/${e.message_id}`)}>…${e.message_id.slice(-6)}</a>${e.messages > 1 && html` <span class="faint">and ${count(e.messages - 1)} more</span>`}`},
];

function Errors({name}) {
  const errors = useApi(`/providers/${encodeURIComponent(name)}/errors`, {every: 5});
  return html`<${Card} title="Last errors" right=${html`<a class="small" href=${link("/messages", {provider: name, state: "UNDELIVERABLE"})}>Messages that failed here</a>`} bare>
    <${Answered} of=${errors} what="the last errors">${data => data.items.length
      ? html`<${Table} caption="Last errors" columns=${ERRORS} rows=${data.items} />`
      : html`<${Empty} title="No error since the bridge started"><span>The last 100 are kept here; older ones are in the log.</span></${Empty}>`}</${Answered}></${Card}>`;
}

const Configured = ({name}) => html`<${SettingsTable} title="As it is configured" found=${useApi("/config")} begin=${`providers.${name}.`} />`;

export function View({params}) {
  const {name} = params, found = useApi(`/providers/${encodeURIComponent(name)}`, {every: 2});
  const values = useMemo(() => ({series: `provider.${name}.waiting,provider.${name}.p99`}), [name]), past = useApi("/history", {every: 10, values});
  const provider = found.data, verdict = provider && laneVerdict(provider), of = past.data?.series ?? {};
  const part = failing(provider?.outcomes);
  const says = provider && [provider.type, `reports: ${ways(provider.reports)}`, part > 0 && `${percent(part)} of the requests fail`].filter(Boolean).join(" · ");
  return html`<${Head} title=${name} above=${html`<a href="#/providers">Providers</a>`} says=${says}>${provider && html`<${Actions} provider=${provider} again=${found.again} />`}</${Head}>
    <${Answered} of=${found} what=${`the provider ${name}`}>${() => html`
      ${verdict && html`<${Verdict} ...${verdict} />`}
      <${Tiles} provider=${provider} past=${{waiting: of[`provider.${name}.waiting`], p99: of[`provider.${name}.p99`]}} />
      <${Charts} name=${name} /><${Credit} name=${name} /><${Errors} name=${name} /><${Configured} name=${name} />`}</${Answered}>`;
}
