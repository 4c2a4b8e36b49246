// icons: lines in a square of 24, drawn in the colour of the text.
import {html} from "./vendor/preact/standalone.mjs";

const PATHS = {
  brand: "M4 17V7m16 10V7M4 12h16M8 9.5 4 12l4 2.5m8-5 4 2.5-4 2.5",
  overview: "M3 12h4l3-8 4 16 3-8h4",
  messages: "M4 5h16v11H9l-5 4z",
  uncertain: "M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M9.5 9.5a2.5 2.5 0 1 1 3.4 2.3c-.6.3-.9.8-.9 1.5v.4M12 17v.1",
  unmatched: "M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 1 0-5.7-5.7M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7M4 4l16 16",
  providers: "M7 18a4 4 0 0 1-.5-8A6 6 0 0 1 18 9.5a4.3 4.3 0 0 1-.5 8.5z",
  accounts: "M4.5 4h15q1.5 0 1.5 1.500v4q0 1.5-1.5 1.500h-15q-1.5 0-1.5-1.500v-4q0-1.5 1.5-1.500M4.5 13h15q1.5 0 1.5 1.500v4q0 1.5-1.5 1.500h-15q-1.5 0-1.5-1.500v-4q0-1.5 1.5-1.500M7 7.500h.1M7 16.500h.1",
  mo: "M9 2.500h6q2 0 2 2v15q0 2-2 2h-6q-2 0-2-2v-15q0-2 2-2M11 18.500h2",
  send: "m4 12 16-8-6 16-3-7z",
  trace: "M4 6h10M4 12h16M4 18h7M15.4 6a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0-3.2 0M12.4 18a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0-3.2 0",
  settings: "M4 7h9m4 0h3M4 17h3m4 0h9M13 7a2 2 0 1 0 4 0a2 2 0 1 0-4 0M7 17a2 2 0 1 0 4 0a2 2 0 1 0-4 0",
  audit: "M6 3h9l4 4v14H6zM9 12h7M9 16h7",
  refused: "M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M5.700 5.700l12.600 12.600",
  cdr: "M6 3h12v18l-3-2-3 2-3-2-3 2zM9.500 8h5M9.500 12h5",
  search: "M4.5 11a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0-13 0m11.5 5 5 5",
  menu: "M4 7h16M4 12h16M4 17h16",
  moon: "M20 14.5A8 8 0 1 1 9.5 4a6.5 6.5 0 0 0 10.5 10.5z",
  alarm: "M12 3 2.5 20h19zM12 10v4m0 3v.1",
  info: "M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M12 11v5m0-8.500v.1",
  done: "M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0m5 .500 3 3 5-6",
  download: "M12 4v11m-5-4 5 5 5-5M5 20h14",
  copy: "M10 8h8q2 0 2 2v8q0 2-2 2h-8q-2 0-2-2v-8q0-2 2-2M16 8V4H4v12h4",
  stop: "M6 6h12v12H6z",
  show: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM9 12a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
  leave: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
};

/** An icon by its name; it says nothing to who cannot see it. */
export const Icon = ({name}) => html`<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8"
  stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${PATHS[name] ?? PATHS.info} /></svg>`;
