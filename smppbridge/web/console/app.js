// app: who one is, then the screen that the address names.
import {html, render, useEffect, useErrorBoundary} from "./vendor/preact/standalone.mjs";
import {get, may, post, session} from "./api.js";
import {Frame} from "./frame.js";
import {start} from "./live.js";
import {Alarm, Empty, Head, say} from "./parts.js";
import {match, replace, route} from "./router.js";
import {Login, VIEWS} from "./screens.js";
import {store, useStore} from "./store.js";

const SCREENS = VIEWS.map(each => each.screen);
const refused = store(null);

function find(path) {
  for (const view of VIEWS) {
    const params = match(view.screen.path, path);
    if (params) return {view, params};
  }
  return null;
}

const Nowhere = () => html`<${Head} title="Nothing here" /><section class="card"><${Empty} icon="search" title="There is no such screen"><a href="#/">To the overview</a></${Empty}></section>`;
const NotYours = ({role, title}) => html`<${Head} title=${title} /><section class="card"><${Empty} icon="info" title=${`This screen is not for the role ${role}`}>
  <span>Ask an admin of the bridge, or use the API with a token of another role.</span></${Empty}></section>`;

function Screen({found, query, me}) {
  const [error, again] = useErrorBoundary(each => console.error(each));
  if (error) return html`<${Alarm} tone="bad" title="This screen cannot be shown" action=${html`<button onClick=${again}>Try again</button>`}>${String(error.message ?? error)}</${Alarm}>`;
  if (!found) return html`<${Nowhere} />`;
  if (!may(found.view.screen.role ?? "viewer", me)) return html`<${NotYours} role=${me.role} title=${found.view.screen.title} />`;
  return html`<${found.view.View} params=${found.params} query=${query} />`;
}

function App() {
  const me = useStore(session), {path, query} = useStore(route), why = useStore(refused);
  const found = find(path), screen = found?.view.screen;
  useEffect(() => { document.title = `${me === null ? "Log in" : screen?.title ?? "smppbridge"} · smppbridge`; }, [path, me]);
  useEffect(() => { say(null); scrollTo(0, 0); if (document.activeElement?.closest?.("aside,tr") || document.activeElement === document.body) document.getElementById("main")?.focus({preventScroll: true}); }, [path]);
  useEffect(() => { const own = me && path === "/" && !may(SCREENS[0].role ?? "viewer", me) && SCREENS.find(each => each.group && may(each.role ?? "viewer", me)); if (own) replace(own.path); }, [path, me]);
  if (me === undefined) return null;
  if (me === null) return html`<${Login} why=${why} />`;
  return html`<${Frame} screens=${SCREENS} at=${screen?.under ?? screen?.path}><${Screen} key=${path} found=${found} query=${query} me=${me} /></${Frame}>`;
}

/** That there is a session: a page cannot see its cookie, and need not ask in vain. */
const kept = {
  get() { try { return localStorage.getItem("session") === "some"; } catch { return true; } },
  set(is) { try { localStorage.setItem("session", is ? "some" : "none"); } catch { /* kept by nobody */ } },
};

/** Log in by the code of `#link=…`, which leaves the address at once; else by the session there is. */
async function begin() {
  const code = /^#link=([\w-]+)$/.exec(location.hash)?.[1];
  try {
    if (code) {
      history.replaceState(null, "", "#/");
      session.set(await post("/session/link", {code}, {quiet: true}));
    } else session.set(kept.get() ? await get("/session", null, {quiet: true}) : null);
  } catch (error) {
    if (code || error.status !== 401) refused.set(error.message);
    else kept.set(false);
    session.set(null);
  }
}

let was = null;
session.watch(me => {
  if (me) refused.set(null);
  if (me || was) kept.set(Boolean(me));
  was = me;
});
addEventListener("hashchange", () => { if (/^#link=/.test(location.hash)) begin(); });
render(html`<${App} />`, document.getElementById("app"));
start();
begin();
