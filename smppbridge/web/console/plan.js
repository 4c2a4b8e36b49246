// plan: what would become of a message, step by step, as a dry run of POST /messages answers it.
import {html} from "./vendor/preact/standalone.mjs";
import {count, many} from "./format.js";
import {names} from "./parts.js";

const ALPHABETS = {gsm7: "GSM 03.38", ucs2: "UCS-2", binary: "octets"};
const Step = ({tone, at, title, children}) => html`<li class=${names(tone)}><time>${at}</time><span class="dot"></span><div><b>${title}</b>${children && html`<p>${children}</p>`}</div></li>`;

const spoken = each => typeof each === "string" ? each : each.text ?? each.says ?? each.why ?? JSON.stringify(each);
const culprit = each => html`“${each.character}”${each.name ? ` (${each.name.toLowerCase()})` : ""}${each.positions ?? each.position ? ` at ${[].concat(each.positions ?? each.position).map(n => count(n)).join(", ")}` : ""}`;

function Culprits({culprits}) {
  return html`<${Step} tone="warn" at="why so long" title=${`${many(culprits.length, "character")} cost${culprits.length === 1 ? "s" : ""} the small alphabet`}>
    ${culprits.slice(0, 8).map((each, n) => html`${n > 0 && "; "}${culprit(each)}`)}${culprits.length > 8 && "; and more"}. Without ${culprits.length === 1 ? "it" : "them"} the text would go as GSM 03.38.</${Step}>`;
}

const skipped = providers => (providers ?? []).filter(each => each.takes === false || each.state === "skipped" || each.skipped);

export function Plan({plan, account}) {
  const {alphabet, segments, culprits = [], route, provider, providers, why = [], source_as_sent: source, would_send: request} = plan;
  const refused = plan.refused ?? (plan.status && plan.status !== "ESME_ROK" ? plan : null), others = skipped(providers);
  return html`<ol class="line">
    ${refused ? html`<${Step} tone="bad" at="account" title=${`It would be refused: ${refused.status ?? refused.reason ?? ""}`}>${refused.says ?? refused.detail ?? ""} ${refused.remedy ?? ""}</${Step}>`
      : html`<${Step} tone="ok" at="account" title=${`${account} may send this`} />`}
    ${alphabet && html`<${Step} tone=${culprits.length ? "warn" : "ok"} at="text" title=${`${ALPHABETS[alphabet] ?? alphabet}, ${many(segments, "segment")}`}>${plan.characters !== undefined && many(plan.characters, "character")}</${Step}>`}
    ${culprits.length > 0 && html`<${Culprits} culprits=${culprits} />`}
    ${route && html`<${Step} tone="ok" at="route" title=${`${route.rule === null || route.rule === undefined ? "" : typeof route.rule === "number" ? `routes[${route.rule}]: ` : `${route.rule}: `}${(route.via ?? []).join(", ")}`}>${spoken(route.why ?? "")}</${Step}>`}
    ${others.map(each => html`<${Step} key=${each.name} tone="warn" at="not by" title=${each.name}>${spoken(each.why ?? each.reason ?? "")}</${Step}>`)}
    ${provider && html`<${Step} tone=${others.length ? "warn" : "ok"} at="provider" title=${provider}>${why.map(spoken).join(" ")}</${Step}>`}
    ${!provider && !refused && html`<${Step} tone="wait" at="provider" title="Nobody takes it now: it would wait">${why.map(spoken).join(" ")}</${Step}>`}
    ${source && html`<${Step} tone="ok" at="sender" title=${`The phone shows ${source}`} />`}
    ${request && typeof request !== "boolean" && html`<${Step} tone="ok" at="request" title="What would be sent"><pre class="wrap" tabindex="0" aria-label="The request that would be sent">${typeof request === "string" ? request : JSON.stringify(request, null, 2)}</pre></${Step}>`}
  </ol>`;
}
