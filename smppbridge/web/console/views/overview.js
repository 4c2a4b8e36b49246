// overview: is everything all right, and if not, what to look at.
import {
  Alarm, Bar, big, Card, Chart, count, duration, Empty, Head, html, LaneBadge, link, NONE, percent, rate, retry, SessionsBadge, Spark, stream,
  Table, target, Time, useApi, useMemo, useOverview, useStale, useStore,
} from "../lib.js";
import {creditOf, failing, pair} from "../lanes.js";
import {First} from "./first.js";

export const screen = {path: "/", title: "Overview", key: "o", icon: "overview", group: 1};

const SERIES = ["accepted", "taken", "receipts", "delivered_ratio", "answer_p99", "oldest", "uncertain", "owed"];
const COLOURS = ["--c1", "--c2", "--c3", "--c4"];

/** The lines of the last quarter of an hour: those of the bridge, and the p99 of four providers. */
function useHistory(providers) {
  const wanted = [...SERIES, ...providers.map(name => `provider.${name}.p99`)].join();
  const {data} = useApi("/history", {every: 10, values: {series: wanted}});
  return useMemo(() => {
    if (!data) return null;
    const from = Date.parse(data.t0) / 1000, length = Math.max(0, ...Object.values(data.series).map(ys => ys.length));
    const skip = Math.max(0, length - Math.ceil(900 / data.step));
    const line = name => data.series[name]?.slice(skip) ?? null;
    return {xs: Array.from({length: length - skip}, (_, i) => from + (i + skip) * data.step), line, last: name => line(name)?.slice(-300) ?? null};
  }, [data]);
}

const Lost = ({age}) => html`<${Alarm} tone="bad" title="The bridge does not answer" action=${html`<button onClick=${retry}>Try now</button>`}>
  What you see is ${duration(age)} old. If it is being restarted, ESMEs keep their sessions and this page comes back by itself.</${Alarm}>`;

const Alarms = ({alarms, age}) => (age > 0 || alarms.length > 0) && html`<div class="alarms">${age > 0 && html`<${Lost} age=${age} />`}
  ${alarms.map(each => html`<${Alarm} key=${each.code + (each.action?.name ?? "")} tone=${each.tone} title=${each.title}
    action=${each.action && html`<a class="button" href=${target(each.action)}>${each.action.label}</a>`}>${each.text}</${Alarm}>`)}</div>`;

function Tile({to, name, value, unit, note, tone, ys, color}) {
  return html`<a class="tile" href=${to}><div class="k">${name}</div><div class=${tone ? `v ${tone}` : "v"}>${value}${unit && html` <small>${unit}</small>`}</div>
    <div class="d">${note}</div><${Spark} ys=${ys} color=${color} /></a>`;
}

/** "4.1 s" as a figure and a unit. */
const split = text => { const [value, ...unit] = text.split(" "); return {value, unit: unit.join(" ")}; };

function Tiles({now, lines}) {
  const slowest = now.providers.filter(each => each.waiting?.messages).sort((a, b) => (b.waiting.oldest_seconds ?? 0) - (a.waiting.oldest_seconds ?? 0))[0];
  const most = now.accounts.filter(each => each.owed.count).sort((a, b) => b.owed.count - a.owed.count)[0];
  const ys = name => lines?.last(name) ?? null, late = now.oldest_seconds >= 10;
  return html`<div class="tiles">
    <${Tile} to="#/accounts" name="Accepted" value=${rate(now.rates.accepted)} unit="/s" note=${`${big(now.flow.finished_today)} finished today`} ys=${ys("accepted")} />
    <${Tile} to="#/messages" name="Delivered, of finished" ...${split(percent(now.delivered_ratio))} note="of the last hour" ys=${ys("delivered_ratio")} color="--c2" />
    <${Tile} to="#/accounts" name="Answered in, p99" ...${split(duration(now.answer_seconds.p99))} note=${`p50 ${duration(now.answer_seconds.p50)}, with the disk`} ys=${ys("answer_p99")} />
    <${Tile} to="#/providers" name="Oldest waits" ...${split(duration(now.oldest_seconds))} tone=${late && "warn"} note=${slowest ? `${count(slowest.waiting.messages)} wait for ${slowest.name}` : "nothing waits"} ys=${ys("oldest")} color=${late ? "--warn" : "--c1"} />
    <${Tile} to="#/uncertain" name="Uncertain" value=${count(now.uncertain)} tone=${now.uncertain > 0 && "unsure"} note=${now.uncertain > 0 ? "a person may decide" : "every fate is known"} ys=${ys("uncertain")} color="--unsure" />
    <${Tile} to="#/accounts" name="Receipts owed" value=${count(now.owed)} note=${most ? `${count(most.owed.count)} of them ${most.id}'s` : "all are told"} ys=${ys("owed")} /></div>`;
}

const FLOW = [["gathering", "waiting for segments", null], ["waiting", "waiting to be sent", "waiting"], ["submitting", "being sent", "submitting"],
  ["submitted", "sent, no report yet", "submitted"], ["finished_today", "finished today", "finished"]];
const Flow = ({flow}) => html`<${Card} title="Where messages are" bare><div class="flow">${FLOW.map(([name, words, stage]) =>
  html`<a key=${name} href=${link("/messages", {state: stage})}><b>${big(flow[name])}</b><span>${words}</span></a>`)}</div></${Card}>`;

function Charts({lines, providers}) {
  const rates = [["accepted", "accepted"], ["taken", "taken by providers"], ["receipts", "receipts"]].map(([key, name], i) => ({name, color: COLOURS[i], ys: lines.line(key) ?? [], fill: i === 0}));
  const answers = providers.map((name, i) => ({name, color: COLOURS[i], ys: (lines.line(`provider.${name}.p99`) ?? []).map(y => y === null ? null : y * 1000)}));
  const any = answers.some(each => each.ys.some(y => y !== null && y > 0));
  return html`<div class="grid2"><${Card} title="Rates" muted="a second, 15 min" bare><${Chart} xs=${lines.xs} series=${rates} unit=" /s" label="Messages a second over 15 minutes" /></${Card}>
    <${Card} title="Providers' answers, p99" muted="15 min" bare>${any
      ? html`<${Chart} xs=${lines.xs} series=${answers} unit=" ms" log label="p99 of answers by provider over 15 minutes" />`
      : html`<${Empty} icon="providers" title="No provider was asked anything"><span>In the last 15 minutes nothing left.</span></${Empty}>`}</${Card}></div>`;
}

const PROVIDERS = [
  {head: "Provider", cell: p => html`<a href=${link(`/providers/${encodeURIComponent(p.name)}`)}><b>${p.name}</b></a><span class="sub">${p.type}</span>`},
  {head: "State", cell: p => html`<${LaneBadge} state=${p.state} />`},
  {head: "Waiting", num: true, cell: p => html`${count(p.waiting?.messages)}${p.waiting?.oldest_seconds ? html`<span class="sub">oldest ${duration(p.waiting.oldest_seconds)}</span>` : null}`},
  {head: "In flight", nowrap: true, p: 2, cell: p => html`<${Bar} share=${p.in_flight / (p.concurrency || 1)} />${p.in_flight} / ${p.concurrency}`},
  {head: "p50 / p99", num: true, nowrap: true, p: 2, cell: p => pair(p.answer_seconds)},
  {head: "Failing", num: true, p: 2, cell: p => { const share = failing(p.outcomes); return share === null ? NONE : share > 0.05 ? html`<span class="bad">${percent(share)}</span>` : percent(share); }},
  {head: "Credit lasts", num: true, cell: p => { const {main, sub, tone} = creditOf(p.balance); return html`<span class=${tone}>${main}</span>${sub && html`<span class="sub">${sub}</span>`}`; }},
];
const ACCOUNTS = [
  {head: "Account", cell: a => html`<a href=${link(`/accounts/${encodeURIComponent(a.id)}`)}><b>${a.id}</b></a>`},
  {head: "Sessions", cell: a => html`<${SessionsBadge} account=${a} />`},
  {head: "Submits/s", num: true, nowrap: true, cell: a => html`${rate(a.throughput.now)}${a.throughput.limit ? html` <span class="faint">of ${count(a.throughput.limit)}</span>` : null}`},
  {head: "Owed", num: true, cell: a => a.owed.count > 0 ? html`<span class="warn">${count(a.owed.count)}</span>` : "0"},
];
const All = ({to}) => html`<a class="small" href=${to}>All</a>`;

const LEVELS = {error: "bad", critical: "bad", warning: "warn"};
const told = facts => Object.entries(facts ?? {}).filter(([key]) => key !== "message_id").map(([k, v]) => `${k}: ${typeof v === "object" ? JSON.stringify(v) : v}`).join(", ");

/** Notes, the newest first; neighbours that say the same of other messages are one. */
function foldedNotes(notes) {
  const found = [];
  for (const each of notes) {
    const words = told(each.facts), last = found.at(-1);
    if (last && last.event === each.event && last.words === words) last.count += 1;
    else found.push({...each, words, count: 1});
  }
  return found.slice(0, 8);
}
const Notes = ({notes}) => html`<${Card} title="What happened" bare>${notes.length
  ? html`<ul class="line">${foldedNotes(notes).map(each => html`<li key=${each.id} class=${LEVELS[each.level]}><${Time} at=${each.at} /><span class="dot"></span>
      <div><b>${String(each.event).replaceAll("_", " ")}${each.count > 1 ? ` × ${each.count}` : ""}</b><p class="any">${each.words}</p>
      ${each.facts?.message_id && html`<p><a class="mono" href=${link(`/messages/${each.facts.message_id}`)}>${each.facts.message_id}</a></p>`}</div></li>`)}</ul>`
  : html`<${Empty} icon="done" title="Nothing out of the ordinary" />`}</${Card}>`;

function sentence(now) {
  const failing = Object.entries(now.checks).filter(([, good]) => !good).map(([name]) => name.replaceAll("_", " "));
  return now.ready ? "Taking messages." : `Not taking messages: not ${failing.join(", not ") || "ready"}.`;
}

export function View() {
  const now = useOverview(), age = useStale(), {state} = useStore(stream);
  const shown = (now?.providers ?? []).slice(0, 4).map(each => each.name), lines = useHistory(shown);
  const idle = Boolean(now) && !now.uncertain && !now.owed && !["gathering", "waiting", "submitting", "submitted", "finished_today"].some(each => now.flow[each]);
  const newest = useApi(idle ? "/messages" : null, {every: 5, values: {limit: 1}}).data?.items;
  if (!now) {
    return html`<${Head} title="Overview" />${state === "lost" ? html`<div class="alarms"><${Alarm} tone="bad" title="The bridge does not answer" action=${html`<button onClick=${retry}>Try now</button>`} /></div>`
      : html`<${Card} bare><${Empty} icon="overview" title="Waiting for the first figures" /></${Card}>`}`;
  }
  const {providers, accounts} = now;
  if (idle && newest?.length === 0) return html`<${First} now=${now} providers=${providers} accounts=${accounts} above=${html`<${Alarms} alarms=${now.alarms} age=${age} />`} />`;
  return html`<${Head} title="Overview" says=${sentence(now)} /><${Alarms} alarms=${now.alarms} age=${age} />
    <${Tiles} now=${now} lines=${lines} /><${Flow} flow=${now.flow} />${lines && html`<${Charts} lines=${lines} providers=${shown} />`}
    <${Card} title="Providers" bare right=${html`<${All} to="#/providers" />`}>${providers.length
      ? html`<${Table} caption="Providers" columns=${PROVIDERS} rows=${providers} keyOf=${p => p.name} href=${p => link(`/providers/${encodeURIComponent(p.name)}`)} />`
      : html`<${Empty} icon="providers" title="No provider"><span>Add one under <code>providers</code> in bridge.yaml; until then nothing can leave.</span></${Empty}>`}</${Card}>
    <div class="grid2"><${Card} title="Accounts" bare right=${html`<${All} to="#/accounts" />`}>${accounts.length
      ? html`<${Table} caption="Accounts" columns=${ACCOUNTS} rows=${accounts} keyOf=${a => a.id} href=${a => link(`/accounts/${encodeURIComponent(a.id)}`)} />`
      : html`<${Empty} icon="accounts" title="No account"><span>Add one under <code>accounts</code> in bridge.yaml; until then nobody can bind.</span></${Empty}>`}</${Card}>
    <${Notes} notes=${now.notes} /></div>`;
}
