// reveal: whole numbers of the messages of a page, for a reason that stands in the audit log once.
import {html, useEffect, useState} from "./vendor/preact/standalone.mjs";
import {ApiError, may, post} from "./api.js";
import {many} from "./format.js";
import {Confirm} from "./parts.js";

/**
 * The numbers of a list's messages: `number(m)` and `source(m)` are as shown now, `Show` is the button
 * with its question.  Numbers stay shown while the list is *list*; of messages that came since they do not.
 */
export function useNumbers(items, list) {
  const [shown, set] = useState({list, by: new Map()}), by = shown.list === list ? shown.by : new Map();
  useEffect(() => set({list, by: new Map()}), [list]);
  const hidden = (items ?? []).filter(m => !by.has(m.message_id));
  const reveal = async reason => {
    const {items: found} = await post("/messages/reveal", {message_ids: hidden.map(m => m.message_id), reason});
    if (!found.length) throw new ApiError(404, {detail: "there are no such messages any more"});
    set({list, by: new Map([...by, ...found.map(each => [each.message_id, each])])});
  };
  return {
    number: m => by.get(m.message_id)?.number ?? m.destination,
    source: m => by.get(m.message_id)?.source ?? m.source,
    any: by.size > 0,
    button: may("operator") && items?.length > 0 && html`<${Show} n=${hidden.length} reveal=${reveal} hide=${() => set({list, by: new Map()})} />`,
  };
}

function Show({n, reveal, hide}) {
  const [asking, ask] = useState(false), [reason, say] = useState("");
  if (!n) return html`<button onClick=${hide}>Hide the numbers</button>`;
  return html`<button onClick=${() => { say(""); ask(true); }}>Show the numbers…</button>
    <${Confirm} title=${`Show the numbers of ${many(n, "message")}?`} open=${asking} act="Show the numbers" ready=${Boolean(reason.trim())} does=${() => reveal(reason.trim())} onClose=${() => ask(false)}>
      <p class="muted">That you looked, at which messages, and why, stands in the audit log.</p>
      <label class="f">Reason<input value=${reason} onInput=${e => say(e.target.value)} maxlength="200" placeholder="a ticket, a complaint" autocomplete="off" required /></label></${Confirm}>`;
}
