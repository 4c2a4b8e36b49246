// history: answers of GET /history as charts take them.

/** The UNIX seconds of the figures. */
export function seconds({t0, step, series}) {
  const begin = Date.parse(t0) / 1000, length = Math.max(0, ...Object.values(series).map(each => each.length));
  return Array.from({length}, (_, i) => begin + i * step);
}

/** The lines of a chart: wanted are [series, name, colour, filled]; those without a figure are left out. */
export function lines({series}, wanted, times = 1) {
  return wanted.filter(([key]) => (series[key] ?? []).some(y => y !== null))
    .map(([key, name, color, fill]) => ({name, color, fill, ys: series[key].map(y => y === null ? null : y * times)}));
}
