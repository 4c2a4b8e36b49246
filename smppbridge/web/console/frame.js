// frame: what is around every screen: where one can go, the search, whether figures come, who one is.
import {html, useEffect, useState} from "./vendor/preact/standalone.mjs";
import {del, may, session, useApi} from "./api.js";
import {turnTheme} from "./chart.js";
import {clock, duration} from "./format.js";
import {Icon} from "./icons.js";
import {retry, stream, useNow, useOverview, useStale} from "./live.js";
import {Keys, showKeys, useKeys} from "./keys.js";
import {Alarm, names, Said, say} from "./parts.js";
import {go, route} from "./router.js";
import {store, useStore} from "./store.js";

/** More lines for the head of every page, as the badge of a trace that runs: [{id, node}]. */
export const badges = store([]);

function Side({screens, at}) {
  const [open, set] = useState(false), now = useNow(), figures = useOverview();
  const {version, node} = useApi("/version").data ?? {};
  useEffect(() => set(false), [at]);
  const groups = [1, 2, 3].map(n => screens.filter(each => each.group === n && may(each.role ?? "viewer"))).filter(group => group.length);
  return html`<aside class=${names("side", open && "open")}>
    <a class="brand" href="#/"><${Icon} name="brand" /><span>smppbridge</span></a>
    <button class="menu plain" aria-expanded=${String(open)} aria-label="Menu" onClick=${() => set(!open)}><${Icon} name="menu" /></button>
    <nav aria-label="Console">${groups.map((group, n) => html`${n > 0 && html`<div class="sep"></div>`}
      ${group.map(each => { const flag = figures && each.flag?.(figures); return html`<a key=${each.path} href=${"#" + each.path} aria-current=${each.path === at ? "page" : undefined}>
        <${Icon} name=${each.icon} /><span>${each.title}</span>${flag && html`<span class=${names("n", flag.tone)}>${flag.n}</span>`}</a>`; })}`)}</nav>
    <div class="foot"><span>${version}${node && ` at node ${node}`}</span><span>UTC ${clock(new Date(now))}</span></div></aside>`;
}

function Search() {
  const {path, query} = useStore(route), shown = path === "/messages" ? query.q ?? "" : "";
  const [text, set] = useState(shown);
  useEffect(() => set(shown), [shown, path]);
  const submit = event => { event.preventDefault(); if (text.trim()) { go("/messages", {q: text.trim()}); document.getElementById("q").blur(); } };
  return html`<form class="search" role="search" onSubmit=${submit}><label class="vh" for="q">Find a message</label><${Icon} name="search" />
    <input id="q" name="q" placeholder="A number, a message id, a provider's id" value=${text} onInput=${e => set(e.target.value)} autocomplete="off" spellcheck=${false} maxlength="64" /><kbd>/</kbd></form>`;
}

const STREAM = {starting: "connecting", live: "live", asked: "every 5 s", hidden: "paused"};
function Live() {
  const {state, retryAt} = useStore(stream);
  useNow();
  useStale();
  const left = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
  const words = state === "lost" ? `no connection, retrying in ${left} s` : STREAM[state];
  const node = useOverview()?.node, whose = node ? ` of node ${node} alone` : "";
  return html`<span class=${names("live", state === "lost" && "lost")} title=${state === "live" ? `figures${whose} come every second` : undefined}><i></i>${words}</span>`;
}

/** On every screen: that figures are old, for nobody answers. */
function Lost() {
  const age = useStale();
  return age > 0 && html`<${Alarm} tone="bad" title="The bridge does not answer" action=${html`<button onClick=${retry}>Try now</button>`}>
    What you see is ${duration(age)} old. If it is being restarted, ESMEs keep their sessions and this page comes back by itself.</${Alarm}>`;
}

function Who() {
  const me = useStore(session);
  const out = async () => {
    try { await del("/session"); } catch (error) { if (error.status !== 401) return say(error.message, "bad"); }
    session.set(null);
    return undefined;
  };
  return html`<div class="who"><${Live} />${useStore(badges).map(each => html`<span key=${each.id}>${each.node}</span>`)}
    <button class="plain" onClick=${turnTheme} aria-label="Dark or light"><${Icon} name="moon" /></button>
    <button class="plain" onClick=${showKeys} aria-label="Keys"><kbd>?</kbd></button>
    <span class="name">${me?.user} · ${me?.role}</span><button class="plain" onClick=${out} aria-label="Log out" title="Log out"><${Icon} name="leave" /></button></div>`;
}

/** The frame around a screen; `at` is the path of the entry that is marked. */
export function Frame({screens, at, children}) {
  useKeys(screens);
  return html`<a class="skip" href="#main" onClick=${e => { e.preventDefault(); document.getElementById("main").focus(); }}>To the content</a>
    <div class="frame"><${Side} screens=${screens} at=${at} />
    <div><header class="top"><${Search} /><${Who} /></header><main class="main" id="main" tabindex="-1"><${Lost} /><${Said} />${children}</main></div></div>
    <${Keys} screens=${screens} />`;
}
