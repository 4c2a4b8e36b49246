// waiting_desk: the messages that wait for a provider: moved to another one, or given up, by hand.
import {html, useState} from "./vendor/preact/standalone.mjs";
import {post, useApi} from "./api.js";
import {count, many} from "./format.js";
import {Choice, Confirm, say, unanswered} from "./parts.js";

const MOST = 10_000;

/** "12 moved; 3 stay: The provider is not on its route (3)." */
function outcome({moved, unmoved, silent}) {
  const why = new Map();
  for (const each of unmoved) why.set(each.says, (why.get(each.says) ?? 0) + 1);
  const stay = [...why].map(([says, n]) => `${says} (${count(n)})`).join(" ");
  return `${many(moved.length, "message")} moved.${unmoved.length ? ` ${count(unmoved.length)} stay${unmoved.length === 1 ? "s" : ""}: ${stay}` : ""}${unanswered(silent)}`;
}

function Move({provider, n, again}) {
  const [asking, ask] = useState(false), [to, setTo] = useState(""), [off, setOff] = useState(false);
  const others = (useApi(asking ? "/providers" : null).data?.items ?? []).map(each => each.name).filter(name => name !== provider.name), chosen = to || others[0] || "";
  const move = async () => {
    const answer = await post("/waiting/moves", {to: chosen, off_route: off, filter: {provider: provider.name}, expect: n});
    say(outcome(answer), answer.unmoved.length ? "warn" : "ok");
    again();
  };
  return html`<button onClick=${() => ask(true)}>Move ${count(n)}…</button>
    <${Confirm} title=${`Move ${many(n, "message")}?`} open=${asking} ready=${Boolean(chosen)} act=${`Move ${many(n, "message")}`} onClose=${() => ask(false)} does=${move}>
      <p>They leave by another provider as soon as it takes them. One that ${provider.name} may have sent already stays.</p>
      ${others.length ? html`<${Choice} label="To" value=${chosen} options=${others.map(name => [name, name])} onChange=${setTo} />
        <label class="small"><input type="checkbox" checked=${off} onChange=${e => setOff(e.target.checked)} /> also those on whose route it is not</label>` : html`<p class="warn">There is no other provider.</p>`}</${Confirm}>`;
}

function GiveUp({provider, n, again}) {
  const [asking, ask] = useState(false);
  const fail = async () => {
    const {failed, silent} = await post("/waiting/failures", {filter: {provider: provider.name}, expect: n});
    say(`${many(failed.length, "message")} given up.${unanswered(silent)}`, silent.length ? "warn" : "ok");
    again();
  };
  return html`<button class="danger" onClick=${() => ask(true)}>Give up ${count(n)}…</button>
    <${Confirm} title=${`Give up ${many(n, "message")}?`} open=${asking} danger act=${`Give up ${many(n, "message")}`} onClose=${() => ask(false)} does=${fail}>
      <p>The phones get nothing. The clients that asked for a receipt get one that says UNDELIV. This cannot be taken back.</p></${Confirm}>`;
}

/** What a person may do about the messages that wait for a provider; nothing while none wait. */
export function WaitingDesk({provider, again}) {
  const n = provider.waiting.messages;
  if (!n) return null;
  return n > MOST ? html`<p class="small muted">More than ${count(MOST)} wait: use <code>smppbridge move</code> or <code>fail</code> on the machine.</p>`
    : html`<${Move} provider=${provider} n=${n} again=${again} /><${GiveUp} provider=${provider} n=${n} again=${again} />`;
}
