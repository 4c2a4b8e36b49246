// chart: lines over time (uPlot), and small ones in tiles; both drawn anew when the theme changes.
import {html, useEffect, useRef} from "./vendor/preact/standalone.mjs";
import uPlot from "./vendor/uplot/uPlot.esm.js";
import {store, useStore} from "./store.js";

const root = document.documentElement;
/** The theme: "dark" or "light". */
export const theme = store(root.dataset.theme);
export function turnTheme() {
  const next = root.dataset.theme === "dark" ? "light" : "dark";
  root.dataset.theme = next;
  try { localStorage.setItem("theme", next); } catch { /* kept by nobody */ }
  theme.set(next);
}

const css = name => getComputedStyle(root).getPropertyValue(name).trim();
const time = (days, s) => { const at = new Date(s * 1000); return days ? at.toUTCString().slice(5, 11) : at.toISOString().slice(11, 16); };
const figure = v => v === null ? "" : v >= 1e6 ? `${+(v / 1e6).toFixed(1)}M` : v >= 1000 ? `${+(v / 1000).toFixed(1)}k` : String(+v.toFixed(2));

const NARROW = 3;  // pixels
/** The ends of runs of figures that are so short that no line would be seen: they are drawn as points. */
function short(u, i) {
  const [xs, ys] = [u.data[0], u.data[i]], found = [];
  for (let at = 0, begin = null; at < ys.length; at++) {
    if (ys[at] === null) { begin = null; continue; }
    begin ??= at;
    if ((ys[at + 1] ?? null) === null && u.valToPos(xs[at], "x") - u.valToPos(xs[begin], "x") < NARROW) found.push(at);
  }
  return found;
}
const WHOLE = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7].flatMap(n => [n, 2 * n, 5 * n]);
const bars = uPlot.paths.bars({size: [.7, 40], align: 1});

function options({series, unit = "", log, days, span, asBars}, box) {
  const axis = {stroke: css("--faint"), font: `11px ${css("--sans")}`, grid: {stroke: css("--grid"), width: 1}, ticks: {show: false}};
  return {
    width: Math.max(50, box.clientWidth - 12), height: Math.max(50, box.clientHeight - 10), padding: [6, 18, 0, 0], tzDate: ts => uPlot.tzDate(new Date(ts * 1e3), "UTC"),
    cursor: {points: {size: 6}, y: false}, legend: {show: false},
    scales: {x: span ? {range: () => span.get()} : {}, y: log ? {distr: 3} : {range: (u, lo, hi) => [0, hi * 1.15 || 1]}},
    axes: [{...axis, size: 22, gap: 3, values: (u, v) => v.map(each => time(days, each))},
      {...axis, size: 52, gap: 4, ...asBars ? {incrs: WHOLE} : {}, values: (u, v) => v.map(each => each === null ? "" : figure(each) + unit)}],
    series: [{}, ...series.map(s => ({stroke: css(s.color), width: 1.5, fill: asBars ? css(s.color) : s.fill ? css(s.color) + "1c" : undefined, spanGaps: false,
      ...asBars ? {paths: bars, points: {show: false}} : {points: {show: false, size: 5, width: 0, fill: css(s.color), filter: short}}}))],
  };
}

/** What uPlot gets: a logarithm has no 0 and a bar of 0 is none, so there is a gap instead. */
const points = ({xs, series, log, asBars}) => [xs, ...series.map(s => s.ys.map(y => y === null || y === undefined || ((log || asBars) && y <= 0) ? null : y))];

/**
 * Lines over time.  xs: UNIX seconds; series: [{name, color: "--c1" … "--c4" | "--bad", ys, fill}];
 * unit: " ms"; log; low; days: the axis has dates; from, to: the axis is so long, whatever there is of
 * it; asBars: a bar a figure, to the right of its time.  `label` says what is drawn, for who cannot see it.
 */
export function Chart(given) {
  const span = useRef([given.from, given.to]), props = {...given, span: given.from === undefined ? null : {get: () => span.current}};
  span.current = [given.from, given.to];
  const box = useRef(null), plot = useRef(null), colours = useStore(theme), {xs, series, label, low} = props;
  const shape = colours + series.map(s => s.name).join() + Boolean(props.log) + Boolean(props.days) + Boolean(props.asBars);
  useEffect(() => {
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(props, box.current), points(props), box.current);
    };
    draw();
    let width = box.current.clientWidth;
    const watch = new ResizeObserver(() => { if (box.current && box.current.clientWidth !== width) { width = box.current.clientWidth; plot.current?.setSize({width: Math.max(50, width - 12), height: Math.max(50, box.current.clientHeight - 10)}); } });
    watch.observe(box.current);
    return () => { watch.disconnect(); plot.current?.destroy(); plot.current = null; };
  }, [shape]);
  useEffect(() => { plot.current?.setData(points(props)); }, [xs, series]);
  return html`<div class=${low ? "chart low" : "chart"} role="img" aria-label=${label} ref=${box}></div>
    ${series.length > 0 && !given.asBars && html`<div class="legend foot-legend">${series.map(s => html`<span key=${s.name}><i class=${s.color === "--bad" ? "lb" : "l" + s.color.slice(3)}></i>${s.name}</span>`)}</div>`}`;
}

/** A line of a tile; it says nothing that the tile's figure does not say. */
export function Spark({ys, color = "--c1"}) {
  const canvas = useRef(null), colours = useStore(theme);
  useEffect(() => {
    const el = canvas.current, k = devicePixelRatio || 1, w = el.clientWidth, h = el.clientHeight, pen = el.getContext("2d");
    el.width = w * k;
    el.height = h * k;
    pen.scale(k, k);
    const shown = ys ?? [], hi = Math.max(0, ...shown.filter(y => y !== null)) * 1.05 || 1;
    pen.beginPath();
    let down = false;
    shown.forEach((y, i) => {
      if (y === null) { down = false; return; }
      const [px, py] = [i * w / Math.max(1, shown.length - 1), h - 1 - y / hi * (h - 3)];
      if (down) pen.lineTo(px, py);
      else { pen.moveTo(px, py); if ((shown[i + 1] ?? null) === null) { pen.rect(px - 1, py - 1, 2, 2); } }
      down = true;
    });
    pen.strokeStyle = css(color);
    pen.lineWidth = 1.3;
    pen.stroke();
  }, [ys, colours, color]);
  return html`<canvas aria-hidden="true" ref=${canvas}></canvas>`;
}
