// dry_run: what would become of a message, step by step, as a dry run of POST /messages answers it.
import {html} from "./vendor/preact/standalone.mjs";
import {count, many} from "./format.js";
import {Coded, names} from "./parts.js";

const ALPHABETS = {gsm7: "GSM 03.38", ucs2: "UCS-2"};
const MOST = 8;
const Step = ({tone, at, title, children}) => html`<li class=${names(tone)}><time>${at}</time><span class="dot"></span><div><b>${title}</b>${children && html`<p>${children}</p>`}</div></li>`;

/** "–" at 12, 40: - instead */
const culprit = ({character, positions, instead}) => html`“<bdi>${character}</bdi>” at ${positions.slice(0, MOST).map(count).join(", ")}${positions.length > MOST && " …"}${instead !== null && (instead === "" ? ": could be left out" : html`: <code>${instead}</code> would do`)}`;

function Text({plan}) {
  const {alphabet, segments, characters, characters_left: left, culprits, transliterated_segments: cheaper} = plan;
  return html`<${Step} tone=${culprits.length ? "warn" : "ok"} at="text" title=${`${ALPHABETS[alphabet] ?? alphabet}, ${many(segments, "segment")}`}>${many(characters, "character")}, ${count(left)} more fit.</${Step}>
    ${culprits.length > 0 && html`<${Step} tone="warn" at="because of" title=${many(culprits.length, "character")} >${culprits.slice(0, MOST).map((each, n) => html`${n > 0 && "; "}${culprit(each)}`)}${culprits.length > MOST && "; and more"}.
      ${cheaper !== null && ` In GSM 03.38 it would be ${many(cheaper, "segment")}.`}</${Step}>`}`;
}

const Refusal = ({refusal}) => html`<${Step} tone="bad" at="account" title=${`It would be refused: ${refusal.says}`}><span class="mono">${refusal.status}</span>${refusal.detail && ` (${refusal.detail})`}. <${Coded} text=${refusal.remedy} /></${Step}>`;

export function Plan({plan, account}) {
  const {route, provider, providers, source_as_sent: source} = plan, passed = providers.slice(0, Math.max(0, providers.findIndex(each => each.name === provider)));
  return html`<ol class="line">
    ${plan.refusal ? html`<${Refusal} refusal=${plan.refusal} />` : html`<${Step} tone="ok" at="account" title=${`${account} may send this`} />`}
    <${Text} plan=${plan} />
    ${route && html`<${Step} tone="ok" at="route" title=${`routes[${route.rule}]: ${route.to || "any"} → ${route.via.join(", ")}`}>${route.to ? `for numbers that begin with ${route.to}` : "for any number that no other rule has"}</${Step}>`}
    ${passed.map(each => html`<${Step} key=${each.name} tone="warn" at="not by" title=${each.name}>${each.says}</${Step}>`)}
    ${provider && html`<${Provider} now=${providers.find(each => each.name === provider)} passed=${passed.length} />`}
    ${source && html`<${Step} tone="ok" at="sender" title=${`The phone sees it from ${source}`} />`}
  </ol>`;
}

function Provider({now, passed}) {
  if (!now.takes) return html`<${Step} tone="wait" at="provider" title=${`${now.name}, as soon as it takes messages`}>${now.says} The message would wait.</${Step}>`;
  return html`<${Step} tone="ok" at="provider" title=${now.name}>${passed > 0 ? "the first that takes it now" : "the first of the route"}</${Step}>`;
}
