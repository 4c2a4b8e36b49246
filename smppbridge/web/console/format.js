// format: figures, durations and times as a person reads them; all times are UTC.
const whole = new Intl.NumberFormat("en-US", {maximumFractionDigits: 0});
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
export const NONE = "—";
const missing = v => v === null || v === undefined || Number.isNaN(v);

/** 1204 -> 1,204 */
export const count = v => missing(v) ? NONE : whole.format(v);
/** 14150000 -> 14.2 M; up to a million as it is */
export const big = v => missing(v) ? NONE : v >= 1e9 ? `${(v / 1e9).toFixed(2)} G` : v >= 1e6 ? `${(v / 1e6).toFixed(2)} M` : whole.format(v);
/** 0.961 -> 96.1 % */
export const percent = v => missing(v) ? NONE : `${+(v * 100).toFixed(1)} %`;
/** a rate: 0.4, 12, 1,204 */
export const rate = v => missing(v) ? NONE : v < 10 ? String(+v.toFixed(1)) : whole.format(v);
/** octets: 12.3 MB */
export function octets(v) {
  if (missing(v)) return NONE;
  for (const [size, unit] of [[2 ** 40, "TB"], [2 ** 30, "GB"], [2 ** 20, "MB"], [2 ** 10, "kB"]]) if (v >= size) return `${(v / size).toFixed(1)} ${unit}`;
  return `${v} B`;
}
/** a duration in seconds: 4 ms, 2.1 s, 38 s, 6 min, 3.5 h, 8.4 d */
export function duration(v) {
  if (missing(v)) return NONE;
  if (v < 0) return "-" + duration(-v);
  if (v === 0) return "0 s";
  if (v < 1) return `${Math.max(1, Math.round(v * 1000))} ms`;
  if (v < 10) return `${+v.toFixed(1)} s`;
  if (v < 120) return `${Math.round(v)} s`;
  if (v < 7200) return `${Math.round(v / 60)} min`;
  return v < 172800 ? `${+(v / 3600).toFixed(1)} h` : `${+(v / 86400).toFixed(1)} d`;
}
/** seconds between two times of the API, null if one is missing */
export const between = (from, to) => from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : null;

const two = n => String(n).padStart(2, "0");
export const clock = at => `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
/** 14:05:51 today, 25 Nov 12:58 on another day, 25 Nov 2025 in another year */
export function moment(text, now = Date.now(), ms = false) {
  const at = new Date(text), day = new Date(now);
  if (Number.isNaN(at.getTime())) return NONE;
  if (at.toISOString().slice(0, 10) === day.toISOString().slice(0, 10)) return clock(at) + (ms ? "." + String(at.getUTCMilliseconds()).padStart(3, "0") : "");
  const date = `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
  if (at.getUTCFullYear() !== day.getUTCFullYear()) return `${date} ${at.getUTCFullYear()}`;
  return ms ? `${date} ${clock(at)}` : `${date} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
}
/** "1 message", "3 messages" */
export const many = (n, one, more = one + "s") => `${count(n)} ${n === 1 ? one : more}`;
