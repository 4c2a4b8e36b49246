// router: `#/messages?number=243…` is a path and values; a screen's path may have `:name` places.
import {store} from "./store.js";

export function parse(hash) {
  const [path, text = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  return {path: path.startsWith("/") ? path : "/", query: Object.fromEntries(new URLSearchParams(text))};
}

export const route = store(parse(location.hash));
addEventListener("hashchange", () => route.set(parse(location.hash)));

/** The address of a path: values that are empty are left out. */
export function link(path, values) {
  const kept = Object.entries(values ?? {}).filter(([, v]) => v !== undefined && v !== null && v !== "" && v !== false);
  return "#" + path + (kept.length ? "?" + new URLSearchParams(kept) : "");
}

export function go(path, values) { location.hash = link(path, values); }

/** Stay, but under another address: back does not lead to the one before. */
export function replace(path, values) {
  history.replaceState(null, "", link(path, values));
  route.set(parse(location.hash));
}

/** The values of a path's places, null if the path is another's. */
export function match(pattern, path) {
  const [wanted, given] = [pattern.split("/"), path.split("/")];
  if (wanted.length !== given.length) return null;
  const params = {};
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i].startsWith(":") && given[i]) {
      try { params[wanted[i].slice(1)] = decodeURIComponent(given[i]); } catch { return null; }
    } else if (wanted[i] !== given[i]) return null;
  }
  return params;
}
