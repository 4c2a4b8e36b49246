// trace: what passes, octet for octet, for a while; started here, watched and downloaded.
import {Answered, Badge, Card, Choice, count, duration, Empty, Field, go, Head, html, link, may, octets, post, say, Table, Time, useApi, useEffect, useState, useStore} from "../lib.js";
import {look, subject, traces} from "../traces.js";

export const screen = {path: "/trace", title: "Trace", key: "t", icon: "trace", group: 3, role: "operator"};

const KINDS = [["account", "account"], ["number", "number"], ["provider", "provider"], ["address", "address of a client"]];
const MINUTES = [1, 5, 10, 30, 60].map(n => [String(n), `${n} min`]);

function Start({query}) {
  const given = KINDS.map(([kind]) => kind).find(kind => query[kind]) ?? "account", [of, setOf] = useState(given), [value, setValue] = useState(query[given] ?? "");
  const [minutes, setMinutes] = useState("10"), [texts, setTexts] = useState("no"), [busy, set] = useState(false);
  const accounts = useApi("/accounts"), providers = useApi("/providers");
  const named = of === "account" ? (accounts.data?.items ?? []).map(a => a.id) : of === "provider" ? (providers.data?.items ?? []).map(p => p.name) : null;
  const chosen = named ? (named.includes(value) ? value : named[0] ?? "") : value;
  const submit = async event => {
    event.preventDefault();
    set(true);
    try {
      const begun = await post("/traces", {of, value: of === "number" ? chosen.replace(/[^0-9+]/g, "") : chosen.trim(), seconds: 60 * Number(minutes), texts: texts === "yes"});
      look();
      go(`/trace/${begun.id}`);
    } catch (error) {
      set(false);
      say(error.message, "bad");
    }
  };
  return html`<section class="card"><form class="pad row" onSubmit=${submit}><${Choice} label="What of" value=${of} options=${KINDS} onChange=${v => { setOf(v); setValue(""); }} />
    ${named ? html`<${Choice} label="Which" value=${chosen} options=${named.map(each => [each, each])} onChange=${setValue} />`
      : html`<${Field} label="Which" value=${value} onChange=${setValue} required maxlength="64" placeholder=${of === "number" ? "243810000042" : "10.2.0.14 or 10.2.0.0/16"} />`}
    <${Choice} label="For" value=${minutes} options=${MINUTES} onChange=${setMinutes} />
    ${may("admin") && html`<${Choice} label="Texts" value=${texts} options=${[["no", "left out"], ["yes", "shown"]]} onChange=${setTexts} />`}
    <button class="primary fix" disabled=${busy || !chosen}>Start</button></form></section>`;
}

const ended = trace => trace.ended ? html`<${Badge} word=${trace.ended} />` : html`<${Badge} tone="info" word=${`${duration(Math.ceil(trace.seconds_left))} left`} />`;
const COLUMNS = [
  {head: "Trace", cell: t => html`<a href=${link(`/trace/${t.id}`)}><b class="any">${subject(t)}</b></a><span class="sub">${t.of}</span>`},
  {head: "Began", nowrap: true, cell: t => html`<${Time} at=${t.began_at} />`},
  {head: "By", p: 2, cell: t => t.by},
  {head: "Kept", num: true, cell: t => html`${count(t.packets)}<span class="sub">${octets(t.octets)}</span>`},
  {head: "Texts", p: 2, cell: t => t.texts ? html`<${Badge} tone="warn" word="shown" />` : "left out"},
  {head: "Now", cell: ended},
];

export function View({query}) {
  const found = useApi("/traces", {every: 2});
  useEffect(() => { if (found.data) traces.set(found.data.items); }, [found.data]);
  useStore(traces);
  return html`<${Head} title="Trace" says="What passes, octet for octet, for a while. Passwords and secrets are masked, texts left out, numbers shown in part. The audit log says that it was on." />
    <${Start} query=${query} />
    <${Card} title="Traces" muted="those that run, and those that ended within the hour" bare><${Answered} of=${found} what="the traces">${data => data.items.length
      ? html`<${Table} caption="Traces" columns=${COLUMNS} rows=${[...data.items].reverse()} keyOf=${t => t.id} href=${t => link(`/trace/${t.id}`)} />`
      : html`<${Empty} icon="trace" title="No trace runs"><span>Choose above whose PDUs and requests to keep. It stops by itself, holds at most 10,000 of them, and costs nothing when it is off.</span></${Empty}>`}</${Answered}></${Card}>`;
}
