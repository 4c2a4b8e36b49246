// waiting_acts: acts on a message that waits: another provider for it, or its end.
import {html, useState} from "./vendor/preact/standalone.mjs";
import {ApiError, post, useApi} from "./api.js";
import {Confirm, say} from "./parts.js";

/** Let a message wait for another provider; one that is not on its route is said to be so. */
function Move({m, open, onClose, onDone}) {
  const {data} = useApi(open ? "/providers" : null), [to, set] = useState("");
  const others = (data?.items ?? []).filter(each => each.name !== m.provider), off = Boolean(to) && !m.route.includes(to);
  const does = async () => {
    const {moved, unmoved} = await post("/waiting/moves", {to, off_route: off, message_ids: [m.message_id]});
    if (!moved.length) throw new ApiError(409, {detail: unmoved[0]?.says});
    say(`It waits for ${to} now.`);
    onDone();
  };
  return html`<${Confirm} title="Move to another provider" open=${open} act=${to ? `Move to ${to}` : "Move"} ready=${Boolean(to)} does=${does} onClose=${onClose}>
    <p class="muted">It has not been sent, so nobody gets it twice. It takes the place in line of its time.</p>
    <label class="f">Provider<select value=${to} onChange=${e => set(e.target.value)}><option value="">which?</option>
      ${others.map(each => html`<option key=${each.name} value=${each.name}>${each.name}${m.route.includes(each.name) ? "" : " (not on its route)"}</option>`)}</select></label>
    ${off && html`<p><b>${to} is not on its route</b>: if it does not take the message, no other provider is tried.</p>`}</${Confirm}>`;
}

/** End a message that has not been sent. */
function GiveUp({m, open, onClose, onDone}) {
  const does = async () => {
    const {failed, elsewhere} = await post("/waiting/failures", {message_ids: [m.message_id]});
    if (!failed.length) throw new ApiError(409, {detail: elsewhere.length ? "its node has not answered" : "it does not wait any more"});
    say("It has ended as UNDELIVERABLE.");
    onDone();
  };
  return html`<${Confirm} title="Give up 1 message?" open=${open} act="Give up 1" danger does=${does} onClose=${onClose}>
    <p>It ends as UNDELIVERABLE, and ${m.account} is told so if it asked for receipts. <b>The phone does not get it</b>: it has not been sent.</p></${Confirm}>`;
}

/** The buttons of a message that waits, with their dialogs. */
export function WaitingActs({m, changed}) {
  const [open, set] = useState(""), close = () => set("");
  return html`<button onClick=${() => set("move")}>Move…</button><button class="danger" onClick=${() => set("fail")}>Give up…</button>
    <${Move} m=${m} open=${open === "move"} onClose=${close} onDone=${changed} /><${GiveUp} m=${m} open=${open === "fail"} onClose=${close} onDone=${changed} />`;
}
