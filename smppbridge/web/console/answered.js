// answered: a part of a screen that one answer of the API fills, and in plain words why it is not there.
import {html} from "./vendor/preact/standalone.mjs";
import {session} from "./api.js";
import {duration} from "./format.js";
import {useNow} from "./live.js";
import {Alarm, Empty} from "./parts.js";

const capital = text => text.charAt(0).toUpperCase() + text.slice(1);

/** Why the bridge does not tell *what*, and what next: [title, advice]. */
export function reasonOf(error, what) {
  if (error.status === 403) {
    return [`${capital(what)}: not for the role ${session.get()?.role ?? "you have"}`, "Ask an admin of the bridge; roles are set in web.users."];
  }
  if (error.status === 404) return [`This bridge does not tell ${what}`, "The program that runs has no such operation, or there is no such thing any more."];
  if (error.status === 0) return ["The bridge does not answer", `No figures for ${what} until it does.`];
  if (error.status === 409) return [error.message, "It is told as soon as that has changed."];
  return [error.message, error.status === 504 ? "Ask for less: a shorter time, one account, one provider." : "Try again; if that does not help, look into the log."];
}

/**
 * An answer of `useApi` or `usePages`: `children(data)` once it is there, what is missing in words if
 * it is not.  An answer that a later question did not renew stays, and says how old it is.
 */
export function Answered({of, what, children}) {
  const data = of.data ?? (of.items && of);
  if (!data && !of.error) return html`<p class="pad muted" aria-busy="true">Asking for ${what} …</p>`;
  if (data) return html`${of.error && html`<${Old} of=${of} what=${what} />`}${children(data)}`;
  const [title, advice] = reasonOf(of.error, what);
  return html`<${Empty} icon="info" title=${title}><span>${advice}</span>${of.error.status !== 409 && html`<button onClick=${of.again}>Try again</button>`}</${Empty}>`;
}

function Old({of, what}) {
  useNow();
  const age = duration(Math.max(1, Math.round((Date.now() - of.at) / 1000)));
  return html`<div class="pad"><${Alarm} tone="warn" title=${`${capital(what)}: what is shown is ${age} old`}
    action=${html`<button onClick=${of.again}>Try again</button>`}>${of.error.message}</${Alarm}></div>`;
}
