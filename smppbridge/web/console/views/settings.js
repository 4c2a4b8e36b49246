// settings: as they are in force, what the file would change, whether the machine is well, a restart.
import {Act, Ago, Alarm, Answered, Badge, Card, Confirm, count, duration, Empty, Facts, get, Head, html, many, may, post, say, session, Table, Time, useApi, useEffect, useState} from "../lib.js";
import {SettingsTable} from "../settings_table.js";

export const screen = {path: "/settings", title: "Settings", key: "c", icon: "settings", group: 3};

const TAKES = {now: "at once", new_sessions: "for new sessions", restart: "with a restart"};
const known = value => value !== null && value !== undefined;

function Diff({changes}) {
  return html`<div class="diff pad" id="diff">${changes.map(each => html`<div key=${each.key} class="any">
    <div class="at">${each.key} · ${TAKES[each.takes] ?? each.takes}</div>
    ${known(each.from) && html`<div class="del">- ${each.from}</div>`}${known(each.to) && html`<div class="add">+ ${each.to}</div>`}</div>`)}</div>`;
}

function Apply({diff, again}) {
  const [asking, ask] = useState(false), n = diff.changes.length, late = diff.changes.filter(each => each.takes === "restart").length;
  const apply = async () => {
    const done = await post("/config/apply", undefined, {headers: {"If-Match": diff.etag}});
    say(`${many(done.changes.length, "change")} applied.`);
    again();
  };
  if (n === 0) return null;
  return html`<button class="primary" disabled=${known(diff.refused)} onClick=${() => ask(true)}>Apply ${many(n, "change")}…</button>
    <${Confirm} title=${`Apply ${many(n, "change")}?`} open=${asking} act=${`Apply ${many(n, "change")}`} onClose=${() => ask(false)} does=${apply}>
      <p>The file is read again, and all of it comes into force at once, or nothing. Sessions of accounts that are removed or get another password are unbound; all others stay.</p>
      ${late > 0 && html`<p class="warn">${many(late, "change")} need${late === 1 ? "s" : ""} a restart.</p>`}</${Confirm}>`;
}

const Faults = ({faults}) => html`<div class="alarms">${faults.map((each, n) => html`<${Alarm} key=${n} tone=${each.warning ? "warn" : "bad"} title=${each.key || "The file"}>
  ${each.message}${each.line > 0 && html` <span class="mono any">${each.file}:${each.line}</span>`}</${Alarm}>`)}</div>`;

const verdictOf = ({ok, faults}) => !ok ? "The file has faults: nothing of it can be applied." : faults.length ? "The file is good, with warnings." : "The file is good: it could be applied, and started with.";

const second = () => new Promise(done => setTimeout(done, 1_000));

/** Wait until another instance of the program answers, or the restart is refused; returns its state. */
async function another(before) {
  for (let tries = 0; tries < 120; tries++) {
    await second();
    try {
      const now = await get("/restart", null, {quiet: true});
      if (now.instance !== before.instance || (now.refused && now.refused_at !== before.refused_at)) return now;
    } catch (error) {
      if (error.status === 401) return null;
    }
  }
  return before;
}

async function restart(before) {
  await post("/restart");
  say("The bridge restarts …", "info");
  const now = await another(before);
  if (!now) return session.set(null);
  if (now.instance === before.instance) return say(`The restart did not come about: ${now.refused ?? "the bridge answers as before"}.`, "bad");
  const {taken_up: taken, version} = now;
  return say(taken ? `Version ${version} runs: ${many(taken.sessions, "session")} taken over, ${count(taken.lost)} lost; they stood still for ${duration(taken.gap_seconds)}.` : `Version ${version} runs.`, taken?.lost > 0 ? "warn" : "ok");
}

function Restart() {
  const [asking, ask] = useState(false), state = useApi("/restart").data;
  return html`<button class="danger" disabled=${!state?.possible || state.under_way} title=${state && !state.possible ? "This program cannot be restarted in place" : undefined} onClick=${() => ask(true)}>Restart…</button>
    <${Confirm} title="Restart the bridge?" open=${asking} danger act="Restart the bridge" onClose=${() => ask(false)} does=${async () => { await get("/restart"); restart(state).catch(error => say(error.message, "bad")); }}>
      <p>The version that is installed takes over: sessions without TLS stay bound and see a pause of a few seconds; sessions over TLS are unbound and bind again. No message is lost or sent twice.</p>
      <p>The file is checked first: a bad one stops the restart.</p></${Confirm}>`;
}

function Program() {
  const found = useApi("/restart", {every: 10});
  return html`<${Card} title="Program"><${Answered} of=${found} what="the last restart">${data => html`<${Facts} rows=${[["Version", data.version], ["Runs", html`since <${Time} at=${data.started_at} />`],
    ["Last restart", data.refused ? html`<span class="bad any">refused: ${data.refused}</span>` : data.taken_up ? `${many(data.taken_up.sessions, "session")} taken over, ${count(data.taken_up.lost)} lost, ${duration(data.taken_up.gap_seconds)} without an answer` : "none before this program"]]} />`}</${Answered}></${Card}>`;
}

const VERDICTS = {good: "ok", look: "warn", fault: "bad"};
const CHECKS = [
  {head: "Check", cell: d => html`${d.check}${d.subject && html`<span class="sub any">${d.subject}</span>`}`},
  {label: "verdict", cell: d => html`<${Badge} tone=${VERDICTS[d.verdict]} word=${d.verdict} />`},
  {head: "Finding", full: true, cell: d => html`<span class="any">${d.says}</span>${d.advice && html`<span class="sub any">${d.advice}</span>`}`},
];

function Doctor() {
  const [pace, set] = useState(30), found = useApi("/doctor", {every: pace}), running = Boolean(found.data?.running);
  useEffect(() => set(running ? 1 : 30), [running]);
  const run = may("operator") && html`<${Act} disabled=${running} does=${async () => { await post("/doctor"); found.again(); }} done="The examination runs; each check is given 10 s at most.">${found.data?.at ? "Run again" : "Run"}</${Act}>`;
  const worst = [...(found.data?.items ?? [])].sort((a, b) => ["fault", "look", "good"].indexOf(a.verdict) - ["fault", "look", "good"].indexOf(b.verdict));
  return html`<${Card} title="Doctor" muted=${running ? "runs" : found.data?.at ? html`<${Ago} at=${found.data.at} />` : undefined} right=${run} bare><${Answered} of=${found} what="the doctor's findings">${data => data.items?.length
    ? html`<${Table} caption="Doctor" columns=${CHECKS} rows=${worst} />`
    : html`<${Empty} icon="info" title=${data.failed ? `The examination came to nothing: ${data.failed}` : running ? "The examination runs" : "Nothing was examined yet"}><span>It looks at clock, disk, store, names, TLS and credentials of each provider, and sends no message.</span></${Empty}>`}</${Answered}></${Card}>`;
}

const NoFile = () => html`<${Empty} icon="settings" title="The bridge runs without a configuration file"><span>It was started with settings of its own, as a demo is. Start it with <code>smppbridge run --config FILE</code> to change them.</span></${Empty}>`;

function Changes({diff}) {
  const {data, error} = diff, faults = data?.faults ?? (error?.errors ?? []).map(each => ({key: each.loc, message: each.msg}));
  if (faults.length) return html`<div class="pad stack"><p>The file has ${many(faults.length, "fault")}, so what it would change cannot be told; what is in force stays.</p><${Faults} faults=${faults} /></div>`;
  return html`<${Answered} of=${diff} what="what the file would change">${() => data.changes.length ? html`<${Diff} changes=${data.changes} />`
    : html`<${Empty} title="Nothing: the file is as it is in force"><span>A change of the file shows here before it is applied.</span></${Empty}>`}</${Answered}>`;
}

export function View() {
  const config = useApi("/config", {every: 30}), file = config.data?.file, diff = useApi(file ? "/config/diff" : null, {every: 10}), data = file ? diff.data : null;
  const [checked, set] = useState(null), again = () => { config.again(); diff.again(); }, bare = config.data && !file;
  const check = async () => { const found = await post("/config/check"); set(found); again(); return found; };
  const takes = data && Object.entries(TAKES).map(([key, words]) => [data.changes.filter(each => each.takes === key).length, words]).filter(([n]) => n > 0);
  return html`<${Head} title="Settings" says="As they are in force. The file is the truth: change it, check it, apply it.">
      ${may("admin") && html`${file && html`<${Act} does=${check} done=${verdictOf}>Check the file</${Act}>`}${data && html`<${Apply} diff=${data} again=${again} />`}<${Restart} />`}</${Head}>
    ${checked && checked.faults.length > 0 && html`<${Faults} faults=${checked.faults} />`}
    ${data?.refused && !data.faults?.length && html`<${Alarm} tone="bad" title="The file cannot be applied while the bridge runs">${data.refused}</${Alarm}>`}
    ${data?.changes.length > 0 && html`<${Alarm} tone="info" title=${`${file} is not what is in force`}>${many(data.changes.length, "change")}: ${takes.map(([n, words]) => `${count(n)} ${words}`).join(", ")}. Applied <${Ago} at=${config.data.applied_at} />.</${Alarm}>`}
    <${Card} title="What would change" bare>${bare ? html`<${NoFile} />` : html`<${Changes} diff=${config.data ? diff : config} />`}</${Card}>
    <div class="grid2 wide-left"><${SettingsTable} title="Settings in force" found=${config} searched /><div class="stack"><${Doctor} /><${Program} /></div></div>`;
}
