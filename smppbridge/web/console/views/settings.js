// settings: as they are in force, what the file would change, whether the machine is well, a restart.
import {Ago, Alarm, Badge, Card, Confirm, count, Empty, Head, html, many, may, NONE, post, say, Table, useApi, useState} from "../lib.js";
import {Act, Asked, Field} from "../asked.js";

export const screen = {path: "/settings", title: "Settings", key: "c", icon: "settings", group: 3};

const TAKES = {now: "at once", new_sessions: "for new sessions", restart: "with a restart"};
const shownValue = value => value === null || value === undefined ? NONE : typeof value === "string" ? value : JSON.stringify(value);

function Diff({diff}) {
  return html`<div class="diff pad" id="diff">${diff.changes.map(each => html`<div key=${each.key}>
    <div class="at">${each.key} · ${TAKES[each.takes] ?? each.takes}</div>
    ${each.from !== null && each.from !== undefined && html`<div class="del">- ${shownValue(each.from)}</div>`}${each.to !== null && each.to !== undefined && html`<div class="add">+ ${shownValue(each.to)}</div>`}</div>`)}</div>`;
}

function Apply({diff, again}) {
  const [asking, ask] = useState(false), n = diff.changes.length, late = diff.changes.filter(each => each.takes === "restart").length;
  const apply = async () => {
    const answer = await post("/config/apply", undefined, {headers: {"If-Match": diff.etag}});
    say(answer?.detail ?? `${many(answer?.applied ?? n - late, "change")} in force.`);
    again();
  };
  return html`<button class="primary" disabled=${n === 0 || Boolean(diff.refused)} onClick=${() => ask(true)}>Apply ${many(n, "change")}…</button>
    <${Confirm} title=${`Apply ${many(n, "change")}?`} open=${asking} act=${`Apply ${many(n, "change")}`} onClose=${() => ask(false)} does=${apply}>
      <p>The file is read again, and all of it comes into force at once, or nothing. Sessions of accounts that are removed or get another password are unbound; all others stay.</p>
      ${late > 0 && html`<p class="warn">${many(late, "change")} need${late === 1 ? "s" : ""} a restart.</p>`}</${Confirm}>`;
}

function Check({again}) {
  const [found, set] = useState(null);
  const check = async () => { const answer = await post("/config/check"); set(answer); again(); return answer; };
  const faults = found?.faults ?? found?.findings ?? [];
  return html`<${Act} does=${check} done=${answer => (answer.faults ?? answer.findings ?? []).length ? "The file has faults: see below." : "The file is good: it could be applied, and started with."}>Check the file</${Act}>
    ${faults.length > 0 && html`<div class="alarms" role="alert">${faults.map((each, n) => html`<${Alarm} key=${n} tone=${each.warning ? "warn" : "bad"} title=${each.key ?? each.where ?? "The file"}>${each.message ?? each.says}${each.line ? ` (line ${each.line})` : ""}</${Alarm}>`)}</div>`}`;
}

function Restart() {
  const [asking, ask] = useState(false);
  const restart = async () => { await post("/restart"); say("The bridge restarts. This page logs out, for its session is not handed over.", "warn"); };
  return html`<button class="danger" onClick=${() => ask(true)}>Restart…</button>
    <${Confirm} title="Restart the bridge?" open=${asking} danger act="Restart the bridge" onClose=${() => ask(false)} does=${restart}>
      <p>A new process takes over: sessions without TLS stay bound and see a pause of a few seconds; sessions over TLS are unbound and bind again. No message is lost or sent twice.</p>
      <p>The file is checked first: a bad one stops the restart. Everybody is logged out of this console.</p></${Confirm}>`;
}

const KEYS = [
  {head: "Key", cell: s => html`<span class="any">${s.key}</span>`},
  {head: "Value", full: true, cell: s => s.value === "secret" ? html`<span class="mono">••••</span>` : html`<span class="mono any">${shownValue(s.value)}</span>`},
  {head: "From", p: 2, cell: s => html`<span class="faint any">${s.origin}</span>`},
];

function InForce() {
  const found = useApi("/config"), [defaults, setDefaults] = useState(false), [word, setWord] = useState("");
  const kept = items => items.filter(s => (defaults || s.origin !== "default") && s.key.toLowerCase().includes(word.trim().toLowerCase()));
  const box = html`<label class="small"><input type="checkbox" checked=${defaults} onChange=${e => setDefaults(e.target.checked)} /> defaults too</label>`;
  return html`<${Card} title="In force" right=${box} bare><div class="pad"><${Field} label="Find a key" value=${word} onChange=${setWord} maxlength="64" /></div>
    <${Asked} of=${found} what="the settings">${data => kept(data.items).length
      ? html`<${Table} caption="Settings in force" columns=${KEYS} rows=${kept(data.items)} keyOf=${s => s.key} /><div class="pager">${count(kept(data.items).length)} of ${count(data.items.length)} keys</div>`
      : html`<${Empty} icon="search" title="No such key">${!defaults && html`<span>Only keys of the file are searched: tick “defaults too” for the others.</span>`}</${Empty}>`}</${Asked}></${Card}>`;
}

const VERDICTS = {good: "ok", look: "warn", fault: "bad"};
const CHECKS = [
  {head: "Check", cell: d => html`${d.check}${d.subject && html`<span class="sub any">${d.subject}</span>`}`},
  {label: "verdict", cell: d => html`<${Badge} tone=${VERDICTS[d.verdict]} word=${d.verdict} />`},
  {head: "Finding", full: true, cell: d => html`<span class="any">${d.says}</span>${d.advice && html`<span class="sub any">${d.advice}</span>`}`},
];

function Doctor() {
  const [quick, set] = useState(false), found = useApi("/doctor", {every: quick ? 1 : 30}), running = Boolean(found.data?.running);
  if (quick && found.data && !running) setTimeout(() => set(false), 1_500);
  const run = may("operator") && html`<${Act} disabled=${running} does=${async () => { await post("/doctor"); set(true); found.again(); }} done="The examination runs; each check is given 10 s at most.">${found.data?.at ? "Run again" : "Run"}</${Act}>`;
  const worst = [...(found.data?.items ?? [])].sort((a, b) => ["fault", "look", "good"].indexOf(a.verdict) - ["fault", "look", "good"].indexOf(b.verdict));
  return html`<${Card} title="Doctor" muted=${running ? "runs" : found.data?.at ? html`<${Ago} at=${found.data.at} />` : undefined} right=${run} bare><${Asked} of=${found} what="the doctor's findings">${data => data.items?.length
    ? html`<${Table} caption="Doctor" columns=${CHECKS} rows=${worst} />`
    : html`<${Empty} icon="info" title=${running ? "The examination runs" : "Nobody was examined yet"}><span>It looks at clock, disk, store, names, TLS and credentials of each provider, and sends no message.</span></${Empty}>`}</${Asked}></${Card}>`;
}

export function View() {
  const admin = may("admin"), diff = useApi("/config/diff", {every: 10}), data = diff.data, changed = data?.changes?.length > 0;
  return html`<${Head} title="Settings" says="As they are in force. The file is the truth: change it, check it, apply it.">
      ${admin && html`<${Check} again=${diff.again} />${data && html`<${Apply} diff=${data} again=${diff.again} />`}<${Restart} />`}</${Head}>
    ${data?.refused && html`<${Alarm} tone="bad" title="The file cannot be applied">${data.refused}</${Alarm}>`}
    ${changed && !data.refused && html`<${Alarm} tone="info" title=${`${data.file ?? "The file"} is not what is in force`}>${many(data.changes.length, "change")}: ${Object.entries(TAKES).map(([takes, words]) => [data.changes.filter(each => each.takes === takes).length, words]).filter(([n]) => n > 0).map(([n, words]) => `${count(n)} ${words}`).join(", ")}.</${Alarm}>`}
    <${Card} title="What would change" bare><${Asked} of=${diff} what="what the file would change">${() => changed ? html`<${Diff} diff=${data} />`
      : html`<${Empty} title=${data.refused ? "Nothing: the file is refused" : "Nothing: the file is as it is in force"}><span>A change of the file shows here before it is applied.</span></${Empty}>`}</${Asked}></${Card}>
    <div class="grid2 top"><${InForce} /><${Doctor} /></div>`;
}
