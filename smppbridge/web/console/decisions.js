// decisions: the two decisions about Uncertain messages, in words of what the phone and the ESME will see.
import {html} from "./vendor/preact/standalone.mjs";
import {post} from "./api.js";
import {many} from "./format.js";
import {Confirm, say} from "./parts.js";

export const VERBS = {
  resend: {act: n => `Resend ${n}`, done: "will be sent once more", danger: false},
  fail: {act: n => `Give up ${n}`, done: "will end as UNDELIVERABLE", danger: true},
};

export function Consequence({verb, provider, account}) {
  const [by, to] = [provider ?? "its provider", account ?? "its account"];
  return verb === "resend"
    ? html`<p>It is sent once more by ${by}. <b>If ${provider ?? "that provider"} did take it the first time, the phone gets a second SMS</b>, and you pay twice.</p>`
    : html`<p>It ends as UNDELIVERABLE, and ${to} is told so. <b>If ${provider ?? "the provider"} did take it, the phone gets it all the same</b>, and ${to} believes it does not.</p>`;
}

/**
 * The dialog of a decision.  *order* is null, or {verb, ids, provider, account}, or {verb, filter, expect}:
 * of a filter's messages a person types how many there are, and the bridge decides only if it is so.
 */
export function Decide({order, typed, onType, onClose, onDone}) {
  const n = order ? order.ids?.length ?? order.expect : 0, verb = VERBS[order?.verb ?? "resend"];
  const does = async () => {
    const body = order.ids ? {verb: order.verb, message_ids: order.ids} : {verb: order.verb, filter: order.filter, expect: order.expect};
    const {decided, not_uncertain: late} = await post("/uncertain/decisions", body);
    const rest = late.length ? ` ${many(late.length, "message")} had been decided already.` : "";
    say(`${many(decided.length, "message")} ${verb.done}.${rest}`, decided.length ? "ok" : "warn");
    onDone?.();
  };
  return html`<${Confirm} title=${order ? `${verb.act(n)}?` : ""} open=${Boolean(order)} act=${verb.act(n)} danger=${verb.danger} ready=${Boolean(order?.ids) || typed === String(n)} does=${does} onClose=${onClose}>
    ${order && html`<${Consequence} verb=${order.verb} provider=${order.provider} account=${order.account} />
      ${order.filter && html`<label class="f">All ${many(n, "message")} of the filter. Type their number to go on:<input inputmode="numeric" autocomplete="off" value=${typed} onInput=${e => onType(e.target.value.trim())} /></label>`}`}</${Confirm}>`;
}
