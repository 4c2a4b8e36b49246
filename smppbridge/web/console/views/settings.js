// settings: as they are in force, what the file would change, whether the machine is well, a restart.
import {Ago, Alarm, Badge, Card, Confirm, count, Empty, Head, html, many, may, NONE, post, say, Table, useApi, useState} from "../lib.js";
import {Act, Asked, Field} from "../asked.js";

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
  return html`<button class="primary" disabled=${n === 0 || known(diff.refused)} onClick=${() => ask(true)}>Apply ${many(n, "change")}…</button>
    <${Confirm} title=${`Apply ${many(n, "change")}?`} open=${asking} act=${`Apply ${many(n, "change")}`} onClose=${() => ask(false)} does=${apply}>
      <p>The file is read again, and all of it comes into force at once, or nothing. Sessions of accounts that are removed or get another password are unbound; all others stay.</p>
      ${late > 0 && html`<p class="warn">${many(late, "change")} need${late === 1 ? "s" : ""} a restart.</p>`}</${Confirm}>`;
}

const Faults = ({faults}) => html`<div class="alarms">${faults.map((each, n) => html`<${Alarm} key=${n} tone=${each.warning ? "warn" : "bad"} title=${each.key || "The file"}>
  ${each.message}${each.line > 0 && html` <span class="mono any">${each.file}:${each.line}</span>`}</${Alarm}>`)}</div>`;

const verdictOf = ({ok, faults}) => !ok ? "The file has faults: nothing of it can be applied." : faults.length ? "The file is good, with warnings." : "The file is good: it could be applied, and started with.";

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
  {head: "Value", full: true, cell: s => s.value === "secret" ? html`<span class="mono" aria-label="a secret">••••</span>` : html`<span class="mono any">${s.value}</span>`},
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
    : html`<${Empty} icon="info" title=${data.failed ? `The examination came to nothing: ${data.failed}` : running ? "The examination runs" : "Nobody was examined yet"}><span>It looks at clock, disk, store, names, TLS and credentials of each provider, and sends no message.</span></${Empty}>`}</${Asked}></${Card}>`;
}

function Changes({diff}) {
  const {data, error} = diff, blames = error?.errors ?? [];
  if (blames.length) return html`<div class="pad"><${Faults} faults=${blames.map(each => ({key: each.loc, message: each.msg}))} /></div>`;
  return html`<${Asked} of=${diff} what="what the file would change">${() => data.changes.length ? html`<${Diff} changes=${data.changes} />`
    : html`<${Empty} title="Nothing: the file is as it is in force"><span>A change of the file shows here before it is applied.</span></${Empty}>`}</${Asked}>`;
}

export function View() {
  const admin = may("admin"), diff = useApi("/config/diff", {every: 10}), {data} = diff, [checked, set] = useState(null);
  const check = async () => { const found = await post("/config/check"); set(found); diff.again(); return found; };
  const takes = data && Object.entries(TAKES).map(([key, words]) => [data.changes.filter(each => each.takes === key).length, words]).filter(([n]) => n > 0);
  return html`<${Head} title="Settings" says="As they are in force. The file is the truth: change it, check it, apply it.">
      ${admin && html`<${Act} does=${check} done=${verdictOf}>Check the file</${Act}>${data && html`<${Apply} diff=${data} again=${diff.again} />`}<${Restart} />`}</${Head}>
    ${checked && checked.faults.length > 0 && html`<${Faults} faults=${checked.faults} />`}
    ${data?.refused && html`<${Alarm} tone="bad" title="The file cannot be applied while the bridge runs">${data.refused}</${Alarm}>`}
    ${data?.changes.length > 0 && html`<${Alarm} tone="info" title="The file is not what is in force">${many(data.changes.length, "change")}: ${takes.map(([n, words]) => `${count(n)} ${words}`).join(", ")}.</${Alarm}>`}
    <${Card} title="What would change" bare><${Changes} diff=${diff} /></${Card}>
    <div class="grid2 top"><${InForce} /><${Doctor} /></div>`;
}
