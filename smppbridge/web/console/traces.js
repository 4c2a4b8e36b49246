// traces: those that run now, for the badge in the head of every page.
import {get, may, session, visible} from "./api.js";
import {badges} from "./frame.js";
import {link} from "./router.js";
import {store} from "./store.js";
import {html} from "./vendor/preact/standalone.mjs";

const EVERY = 10_000;
/** The traces that run, and those that can be read still: null until they are known. */
export const traces = store(null);
let timer = null;

export const subject = trace => trace.of === "address" || trace.of === "number" ? `${trace.of} ${trace.value}` : trace.value;

function badge(running) {
  const words = running.length === 1 ? `trace of ${subject(running[0])} runs` : `${running.length} traces run`;
  return {id: "traces", node: html`<a class="badge info" href=${link(running.length === 1 ? `/trace/${running[0].id}` : "/trace")}>${words}</a>`};
}

traces.watch(items => {
  const running = (items ?? []).filter(each => !each.ended), others = badges.get().filter(each => each.id !== "traces");
  badges.set(running.length ? [...others, badge(running)] : others);
});

/** Ask for the traces now, and again after a while. */
export async function look() {
  clearTimeout(timer);
  if (!may("operator") || !visible.get()) {
    if (!may("operator")) traces.set(null);
    return;
  }
  try { traces.set((await get("/traces")).items); } catch { /* the head of a page is no place for it */ }
  clearTimeout(timer);
  timer = setTimeout(look, EVERY);
}

session.watch(look);
visible.watch(look);
