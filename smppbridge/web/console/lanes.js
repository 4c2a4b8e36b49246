// lanes: what there is to say about a provider: its verdict, its figures in words.
import {html} from "./vendor/preact/standalone.mjs";
import {count, duration, many, NONE} from "./format.js";

const waits = p => p.waiting.messages > 0
  ? `${many(p.waiting.messages, "message")} wait${p.waiting.messages === 1 ? "s" : ""} for it${p.waiting.oldest_seconds ? `, the oldest for ${duration(p.waiting.oldest_seconds)}` : ""}.`
  : "No message waits for it.";
const doctor = p => html`On the bridge's machine: <code>smppbridge doctor ${p.name}</code> tells name, route, TLS and credentials apart.`;
const goesOn = "Messages with another provider on their route go there meanwhile; the others wait.";

const VERDICTS = {
  open: p => ({tone: "bad", title: `${p.name} does not answer.`, why: `${waits(p)} Nothing is sent there but a probe now and then.`,
    todo: [doctor(p), goesOn, "It closes by itself with the first probe that is answered."]}),
  probing: p => ({tone: "warn", title: `${p.name} did not answer; a probe is on its way.`, why: waits(p),
    todo: ["Wait for the probe: if it is answered, all goes on by itself.", doctor(p)]}),
  held: p => ({tone: "warn", title: `${p.name} is paused by hand.`, why: `${waits(p)} Nothing is sent there until somebody resumes it, not even after a restart of the bridge.`,
    todo: ["Resume it when the reason is gone; the audit log says who paused it.", goesOn]}),
  paused: p => ({tone: "warn", title: `${p.name} told us to wait for ${duration(p.paused_seconds)} more.`, why: waits(p),
    todo: [html`Lower <code>rate</code> of ${p.name}, or ask them for more.`, goesOn]}),
  credit_low: p => ({tone: "warn", title: `The credit at ${p.name} is low.`, why: waits(p),
    todo: [`Top up the account at ${p.name}.`, "Ask for the balance afterwards: nothing else has to be done here."]}),
  refusing: p => ({tone: "bad", title: `${p.name} refuses every message: ${p.refusing}`, why: waits(p),
    todo: [`Ask ${p.name} about the account: credit, token, permission.`, html`If the token is wrong: change the file, then <a href="#/settings">apply it</a>.`, goesOn]}),
  unbound: p => ({tone: "bad", title: `There is no session with ${p.name}.`, why: `${waits(p)} The bridge binds again by itself.`,
    todo: [doctor(p), html`A wrong password shows in the log as <code>upstream_bind_refused</code>.`]}),
};

/** What there is to say about a provider that is not simply up; null if it is. */
export const laneVerdict = p => VERDICTS[p.state]?.(p) ?? null;

/** Two durations as "180 / 420 ms"; an unknown one is a dash. */
export function pair(spread) {
  const {p50, p99} = spread ?? {};
  return p50 || p99 ? `${duration(p50)} / ${duration(p99)}` : NONE;
}

/** The part of the requests of now that the provider did not accept, 0 to 1; null if there are none. */
export function failing(outcomes) {
  const all = Object.values(outcomes ?? {}).reduce((sum, each) => sum + each, 0);
  return all > 0 ? 1 - (outcomes.accepted ?? 0) / all : null;
}

const WAYS = {callback: "pushed", pull: "pulled", poll: "polled", session: "deliver_sm"};
/** How reports come. */
export const ways = reports => (reports?.by ?? []).map(each => WAYS[each] ?? each).join(" and ") || "does not report";

/** An amount of credit: EUR 10,000, 1,000,000 SMS. */
export const money = ({amount, unit}) => { const n = count(Math.floor(amount)); return !unit ? n : /^[A-Z]{3}$/.test(unit) && unit !== "SMS" ? `${unit} ${n}` : `${n} ${unit}`; };

/** What is left of the credit, in words: {main, sub, tone}. */
export function creditOf(balance) {
  if (!balance) return {main: "not told", sub: null, tone: "faint"};
  const left = balance.days_left, amount = money(balance);
  if (left === null || left === undefined) return {main: amount, sub: null, amount: true};
  return {main: left > 60 ? "60+ d" : `${+left.toFixed(1)} d`, sub: amount, tone: left < 3 ? "warn" : undefined};
}
