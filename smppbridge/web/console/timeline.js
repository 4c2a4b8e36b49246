// timeline: the steps in the life of a message as sentences; equal steps fold into one.
import {html} from "./vendor/preact/standalone.mjs";
import {between, duration, many, moment} from "./format.js";
import {useNow} from "./live.js";
import {names} from "./parts.js";
import {STATES} from "./state_words.js";

const STATE_NAMES = ["SCHEDULED", "ENROUTE", "DELIVERED", "EXPIRED", "DELETED", "UNDELIVERABLE", "ACCEPTED", "UNKNOWN", "REJECTED"];
const stateWord = state => { const name = typeof state === "number" ? STATE_NAMES[state] : state; return STATES[name]?.[1] ?? name; };
const words = text => String(text).replaceAll("_", " ");
const why = facts => facts.why ?? facts.reason ?? "";
const took = facts => facts.seconds === undefined ? null : `after ${duration(facts.seconds)}`;
const called = facts => facts.provider_message_id ? `${facts.provider} calls it ${facts.provider_message_id}` : null;
const because = facts => why(facts) ? words(why(facts)) : null;
const sentences = (...parts) => parts.filter(Boolean).join(" · ") || null;

const OUTCOMES = {
  accepted: ["ok", "taken"], refused: ["bad", "refused"], postponed: ["warn", "put off"], uncertain: ["unsure", "no clear answer"], out: ["wait", "no answer yet"], not_sent: ["warn", "not sent"],
};

const AWAITED = {
  segments: () => "It waits for its other segments", provider: f => `It waits for ${f.provider || "a provider"}`, time: () => "It waits for its time", answer: f => `It waits for the answer of ${f.provider || "its provider"}`,
  report: f => `It waits for a report of ${f.provider || "its provider"}`, decision: () => "A person may decide; else it ends by itself", receiver: f => `Its receipt waits until ${f.account || "the account"} binds a receiver`,
  acknowledgement: f => `Its receipt waits for ${f.account || "the account"} to acknowledge it`,
};
const time = at => typeof at === "number" ? new Date(at * 1000).toISOString() : at;

const SOURCES = {push: "told by a callback", poll: "told when it was asked", pull: "fetched", session: "told by a deliver_sm", own: "by the bridge itself"};

const reported = f => sentences(SOURCES[f.source] ?? f.source, f.error ? `err ${String(f.error).padStart(3, "0")}` : null);
const answered = f => sentences(f.command_status && `status ${f.command_status}`, f.postponed && `put off ${many(f.postponed, "time")}`);

/** For each code: facts => [tone, title, more, tags]. */
const STEPS = {
  segment_received: f => ["", f.number ? `Segment ${f.number} came` : "A segment came", f.message_id ? `answered ESME_ROK with id ${f.message_id}` : null],
  joined: () => ["", "All segments came: the message is whole", null],
  received: () => ["", "It came, and was answered ESME_ROK", null],
  routed: f => ["", `Route: ${(f.via ?? []).join(", then ")}`, null],
  provider_skipped: f => ["warn", `${f.provider ?? f.from} was left out`, because(f)],
  diverted: f => ["warn", `It takes the next provider: ${f.to ?? f.provider}`, sentences(f.from && `not ${f.from}`, because(f))],
  ...Object.fromEntries(Object.entries(OUTCOMES).map(([outcome, [tone, word]]) => [`attempt_${outcome}`, f => [tone, `Attempt ${f.number} at ${f.provider}: ${word}`, sentences(took(f), called(f), f.reason)]])),
  part: f => ["", `Part ${f.number} is ${f.provider_message_id} there`, f.state ? stateWord(f.state) : null],
  report_heard: f => ["", `Reported: ${stateWord(f.state)}`, reported(f)],
  state_final: f => { const word = stateWord(f.state); return [word === "DELIVRD" ? "ok" : word === "UNKNOWN" ? "unsure" : "bad", `Final: ${word}`, reported(f)]; },
  receipt_owed: f => ["wait", "Its receipt waits for the ESME", sentences(f.postponed && `put off ${many(f.postponed, "time")}`, f.expires_at && `kept until ${moment(f.expires_at)}`), [`id:${f.message_id} stat:${stateWord(f.state)}`]],
  receipt_acknowledged: f => ["ok", "The ESME has acknowledged its receipt", answered(f), [`id:${f.message_id} stat:${stateWord(f.state)}`]],
  receipt_refused: f => ["warn", "The ESME refused its receipt", answered(f), [`id:${f.message_id} stat:${stateWord(f.state)}`]],
  receipt_lapsed: f => ["warn", "Its receipt was kept no longer", "nobody was bound who could receive it", [`id:${f.message_id}`]],
  rejected: f => ["bad", "The bridge refused it", sentences(because(f), f.detail)],
  expired: f => ["bad", "It expired", because(f)],
  cancelled: f => ["bad", "It was cancelled", because(f)],
  failed: f => ["bad", "It was given up", because(f)],
  now_waiting: f => ["wait", (AWAITED[f.awaited] ?? (() => `It waits for ${words(f.awaited)}`))(f), sentences(because(f), f.before > 0 && `${many(f.before, "message")} before it`, f.until && `until ${moment(time(f.until))}`)],
  decided_by_hand: f => ["unsure", `A person decided: ${words(f.verb ?? "")}`, f.actor && `by ${f.actor}`],
};
const other = (code, facts) => ["", words(code), Object.entries(facts).map(([k, v]) => `${words(k)}: ${typeof v === "object" ? JSON.stringify(v) : v}`).join(" · ") || null];

function spoken(step) {
  const facts = step.facts ?? {}, [tone, title, more, tags] = (STEPS[step.code] ?? (f => other(step.code, f)))(facts);
  return {at: step.at, tone, title, more, tags: [...(tags ?? []), ...(facts.rule !== undefined ? [`routes[${facts.rule}]`] : [])], code: step.code, count: 1};
}

/** Steps, folded: neighbours that say the same, but for the number of the attempt. */
export function folded(steps, about = {}) {
  const shown = [], same = each => [each.code, each.tone, each.title.replace(/\d+/, "#"), each.more?.replace(/after [^·]*/, "")].join("\n");
  for (const step of steps.map(each => spoken(each.code === "now_waiting" ? {...each, facts: {...about, ...each.facts}} : each))) {
    const last = shown.at(-1);
    if (last && step.code.startsWith("attempt_") && same(last) === same(step)) Object.assign(last, {count: last.count + 1, until: step.at});
    else shown.push(step);
  }
  return shown;
}

/** The list of steps, oldest first. */
export function Timeline({steps, account, provider}) {
  const now = useNow();
  let before = null;
  return html`<ol class="line">${folded(steps, {account, provider}).map((each, n) => {
    const gap = between(before, each.at);
    before = each.at ?? before;
    const at = each.at ? moment(each.at, now, true) : "now";
    return html`<li key=${n} class=${names(each.tone)}><time datetime=${each.at ?? undefined} title=${each.at ?? undefined}>${at}<span>${gap > 0 ? `+ ${duration(gap)}` : ""}</span></time><span class="dot"></span>
      <div><b class="any">${each.title}${each.count > 1 ? ` × ${each.count}` : ""}</b>${each.more && html`<p class="any">${each.more}</p>`}
      ${each.count > 1 && each.until && html`<p>the last at ${moment(each.until, now)}</p>`}
      ${each.tags.length > 0 && html`<div class="tags">${each.tags.map(tag => html`<span key=${tag} class="tag">${tag}</span>`)}</div>`}</div></li>`;
  })}</ol>`;
}
