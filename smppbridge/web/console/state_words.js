// state_words: what states are called, each with its tone: the same on every screen.
import {html} from "./vendor/preact/standalone.mjs";
import {Badge} from "./parts.js";

const LANES = {
  up: ["ok", "up"], probing: ["warn", "being tried"], open: ["bad", "breaker open"], held: ["info", "paused by hand"],
  paused: ["warn", "told to wait"], credit_low: ["warn", "credit low"], refusing: ["bad", "refuses everything"], unbound: ["bad", "no session"],
};
/** [tone, word] of a provider's state. */
export const laneWord = state => LANES[state] ?? ["", state];
export const LaneBadge = ({state}) => { const [tone, word] = laneWord(state); return html`<${Badge} tone=${tone} word=${word} />`; };

/** A message_state as receipts write it, with its tone. */
export const STATES = {
  ENROUTE: ["info", "ENROUTE"], DELIVERED: ["ok", "DELIVRD"], EXPIRED: ["bad", "EXPIRED"], DELETED: ["", "DELETED"],
  UNDELIVERABLE: ["bad", "UNDELIV"], ACCEPTED: ["ok", "ACCEPTD"], UNKNOWN: ["unsure", "UNKNOWN"], REJECTED: ["bad", "REJECTD"],
};
const STAGES = {
  gathering: ["warn", "waiting for segments"], waiting: ["warn", "waiting"], submitting: ["info", "being sent"], submitted: ["info", "sent, no report"], finished: ["", "finished"],
};
/** [tone, word] of a message: Uncertain, its stage, or its state once it is finished. */
export function messageWord(m) {
  if (m.uncertain) return ["unsure", "Uncertain"];
  if (m.stage !== "finished") return STAGES[m.stage] ?? ["", m.stage];
  const [tone, word] = STATES[m.state] ?? ["", m.state ?? "finished"];
  if (m.verdict?.code?.startsWith("receipt_") && m.verdict.tone === "warn") return ["warn", `${word}, not told`];
  return [tone, m.error ? `${word} ${String(m.error).padStart(3, "0")}` : word];
}
export const MessageBadge = ({message}) => { const [tone, word] = messageWord(message); return html`<${Badge} tone=${tone} word=${word} />`; };

const KINDS = {transceiver: "TRX", receiver: "RX", transmitter: "TX"};
/** [tone, word] of an account's sessions, by kind: "2 TX, no receiver". */
export function sessionsWord(account) {
  const binds = Object.entries(account.binds ?? {}).filter(([, n]) => n > 0);
  if (!binds.length) return [account.owed.count > 0 ? "bad" : "", "not bound"];
  const words = binds.map(([kind, n]) => `${n} ${KINDS[kind] ?? kind}`).join(", ");
  const hears = binds.some(([kind]) => kind !== "transmitter");
  return hears ? ["ok", words] : ["warn", `${words}, no receiver`];
}
export const SessionsBadge = ({account}) => { const [tone, word] = sessionsWord(account); return html`<${Badge} tone=${tone} word=${word} />`; };

const LISTS = {provider: "providers", account: "accounts"};
/** Where an alarm's action leads: the screen that the bridge names, and whose. */
export const target = action => "#/" + [LISTS[action.screen] ?? action.screen, action.name].filter(Boolean).map(encodeURIComponent).join("/");
