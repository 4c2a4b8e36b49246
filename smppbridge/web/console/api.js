// api: /api/v1 asked with the session's cookie; who is not logged in (any more) comes to the login.
import {useEffect, useRef, useState} from "./vendor/preact/standalone.mjs";
import {store} from "./store.js";

export const PREFIX = "/api/v1";
const LONGEST = 30_000; // milliseconds, as for the commands

/** Who is logged in: undefined until it is known, null for nobody, else {user, role, csrf}. */
export const session = store(undefined);

/** A refusal of the API (its problem details), or status 0: nobody answers, or not in time. */
export class ApiError extends Error {
  constructor(status, problem) {
    super(words(status, problem));
    this.status = status;
    this.name = "ApiError";
    this.type = String(problem?.type ?? "").split(":").pop();
    this.errors = problem?.errors ?? [];
    this.retryAfter = problem?.retryAfter;
  }
}

function words(status, problem) {
  if (status === 0) return problem?.detail ?? "The bridge does not answer.";
  const parts = (problem?.errors ?? []).map(each => `${each.loc.replaceAll("/", ".")}: ${each.msg}`);
  const said = problem?.detail || problem?.title || `The bridge answers with status ${status}.`;
  const whole = said.charAt(0).toUpperCase() + said.slice(1);
  return parts.length ? `${whole}: ${parts.join("; ")}` : whole;
}

export function query(values) {
  const kept = Object.entries(values ?? {}).filter(([, v]) => v !== undefined && v !== null && v !== "" && v !== false);
  return kept.length ? "?" + new URLSearchParams(kept.map(([k, v]) => [k, String(v)])) : "";
}

let asking = 0;
/** While an answer is awaited the page says so: aria-busy is for programs that read it out, and wait. */
function busy(by) {
  asking += by;
  document.body.setAttribute("aria-busy", String(asking > 0));
}

/** Ask an operation; returns its answer (with `etag` if it has one), throws ApiError. */
export async function api(method, path, options = {}) {
  busy(+1);
  try { return await ask(method, path, options); } finally { busy(-1); }
}

/** The error of a request without an answer: an act may be done all the same. */
function late(method) {
  const but = method === "GET" ? "" : " What was asked of it may be done all the same: look before you ask again.";
  return new ApiError(0, {detail: `The bridge has not answered for ${LONGEST / 1_000} seconds.${but}`});
}

async function ask(method, path, {body, headers, signal, quiet}) {
  const given = {Accept: "application/json", ...headers};
  if (body !== undefined) given["Content-Type"] = "application/json";
  const csrf = session.get()?.csrf;
  if (csrf && method !== "GET") given["X-CSRF-Token"] = csrf;
  const end = new AbortController();
  const timer = setTimeout(() => end.abort(late(method)), LONGEST);
  let response, answer;
  try {
    response = await fetch(PREFIX + path, {
      method, headers: given, credentials: "same-origin", cache: "no-store", redirect: "error",
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, end.signal]) : end.signal,
    });
    answer = await response.json();
  } catch (error) {
    if (error.name === "AbortError" || error instanceof ApiError) throw error;
    throw new ApiError(response?.status ?? 0, null);
  } finally {
    clearTimeout(timer);
  }
  if (response.ok) {
    const etag = response.headers.get("ETag");
    return etag ? {...answer, etag} : answer;
  }
  const after = Number(response.headers.get("Retry-After"));
  if (response.status === 401 && !quiet) session.set(null);
  throw new ApiError(response.status, {...answer, retryAfter: after || undefined});
}

export const get = (path, values, more) => api("GET", path + query(values), more);
export const post = (path, body, more) => api("POST", path, {body, ...more});
export const del = (path, values, more) => api("DELETE", path + query(values), more);

/** Whether the page has been looked at by anybody lately: a hidden tab asks for nothing. */
export const visible = store(!document.hidden);
document.addEventListener("visibilitychange", () => visible.set(!document.hidden));

/** How often the bridge has answered again after it did not: who asked in vain meanwhile asks then. */
export const back = store(0);

/**
 * The answer to GET *path*, and again `every` seconds while the page is looked at; a null path asks
 * nothing.  An answer stays when a later one fails: `error` then says why, `at` how old it is.
 */
export function useApi(path, {every, values} = {}) {
  const whole = path === null || path === undefined ? null : path + query(values);
  const [state, set] = useState({path: null});
  const [turn, again] = useState(0);
  const kept = useRef(null), vain = useRef(false);
  useEffect(() => {
    if (whole === null) return undefined;
    const abort = new AbortController();
    let timer;
    const ask = async () => {
      if (document.hidden && kept.current === whole) return later();
      try {
        const data = await api("GET", whole, {signal: abort.signal});
        kept.current = whole;
        vain.current = false;
        set({path: whole, data, at: Date.now()});
      } catch (error) {
        if (error.name === "AbortError") return undefined;
        vain.current = error.status === 0;
        set(old => ({...(old.path === whole ? old : {}), path: whole, error}));
      }
      return later();
    };
    const later = () => { if (every && !abort.signal.aborted) timer = setTimeout(ask, every * 1000); };
    const askNow = () => { clearTimeout(timer); ask(); };
    const unwatch = [visible.watch(now => { if (now && every) askNow(); }), back.watch(() => { if (vain.current) askNow(); })];
    ask();
    return () => { abort.abort(); clearTimeout(timer); unwatch.forEach(each => each()); };
  }, [whole, every, turn]);
  const mine = state.path === whole ? state : {};
  return {data: mine.data, error: mine.error, at: mine.at, loading: whole !== null && !mine.data && !mine.error,
    again: () => again(n => n + 1)};
}

/** Whether the one who is logged in may do what *role* may: viewer, operator, admin. */
export function may(role, me = session.get()) {
  const rights = {viewer: ["viewer", "operator", "admin"], operator: ["operator", "admin"], admin: ["admin"], billing: ["billing", "admin"]};
  return Boolean(me) && rights[role].includes(me.role);
}
