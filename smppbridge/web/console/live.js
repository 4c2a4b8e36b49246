// live: what the bridge says of itself once a second, by a stream; asked for where no stream comes.
import {useEffect, useState} from "./vendor/preact/standalone.mjs";
import {api, PREFIX, session, visible} from "./api.js";
import {store, useStore} from "./store.js";

/** The overview as it came last, null before the first. */
export const overview = store(null);
/**
 * How figures come: {state: "starting" | "live" | "asked" | "lost" | "hidden", since, retryAt}.
 * *since* is when the last figures came, *retryAt* when the next try is made (both of Date.now).
 */
export const stream = store({state: "starting", since: 0, retryAt: 0});

const ASKED_EVERY = 5_000, LONGEST_PAUSE = 10_000, SILENT = 10_000;
let source = null, timer = null, watchdog = null, failures = 0, skew = 0, running = false;

/** The bridge's clock in milliseconds: a page's own may be wrong. */
export const serverNow = () => Date.now() + skew;

function note(state, retryAt = 0) {
  stream.set({state, retryAt, since: state === "live" || state === "asked" ? Date.now() : stream.get().since});
}

function taken(figures, state) {
  failures = 0;
  skew = Date.parse(figures.at) - Date.now();
  overview.set(figures);
  note(state);
}

function close() {
  clearTimeout(timer);
  clearTimeout(watchdog);
  source?.close();
  source = timer = watchdog = null;
}

function open() {
  close();
  const mine = source = new EventSource(PREFIX + "/events");
  const guard = () => { clearTimeout(watchdog); watchdog = setTimeout(() => lose(mine), SILENT); };
  mine.addEventListener("overview", event => {
    if (mine !== source) return;
    guard();
    taken(JSON.parse(event.data), "live");
  });
  mine.onerror = () => lose(mine);
  guard();
}

/** The stream is gone: ask once, for the reason; then try again, at growing distances. */
async function lose(gone) {
  if (gone !== source) return;
  close();
  failures += 1;
  const pause = Math.min(LONGEST_PAUSE, 1_000 * 2 ** (failures - 1));
  try {
    const figures = await api("GET", "/overview", {signal: AbortSignal.timeout(SILENT)});
    if (!running || source) return;
    taken(figures, "asked");
    timer = setTimeout(open, ASKED_EVERY);
  } catch (error) {
    if (!running || source || error.status === 401) return;
    note("lost", Date.now() + pause);
    timer = setTimeout(open, pause);
  }
}

/** Try now, without waiting for the time of the next try. */
export const retry = () => { if (running) open(); };

function follow() {
  const wanted = Boolean(session.get()) && session.get().role !== "billing" && visible.get();
  if (wanted === running) return;
  running = wanted;
  if (wanted) { failures = 0; open(); } else { close(); note(visible.get() ? "starting" : "hidden"); }
  if (!session.get()) overview.set(null);
}

/** Have figures come while somebody is logged in and looks at the page. */
export function start() {
  session.watch(follow);
  visible.watch(follow);
  addEventListener("pagehide", close);
  addEventListener("pageshow", event => { if (event.persisted && running) open(); });
  follow();
}

const ticking = store(Date.now());
setInterval(() => { if (!document.hidden) ticking.set(Date.now()); }, 1_000);

/** The bridge's time in milliseconds, anew each second. */
export function useNow() {
  useStore(ticking);
  return serverNow();
}

export const useOverview = () => useStore(overview);

/** Whether figures are missing that should be there: their age in seconds, 0 if they are not. */
export function useStale() {
  const {state, since} = useStore(stream);
  useStore(ticking);
  return state === "lost" && since ? Math.max(1, Math.round((Date.now() - since) / 1000)) : 0;
}
