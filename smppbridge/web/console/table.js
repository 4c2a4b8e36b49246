// table: rows that become blocks on a narrow screen, and pages of a list by cursor.
import {html, useEffect, useState} from "./vendor/preact/standalone.mjs";
import {useApi} from "./api.js";
import {go} from "./router.js";
import {names} from "./parts.js";

/**
 * A table.  Columns: {head, cell: row => node, num, nowrap, min, full, p: 2 | 3, label}; `p` hides a
 * column on narrower screens, `full` gives a cell a line of its own there.  `href(row)` makes a row
 * one that opens: by click, and by j, k and Enter.
 */
export function Table({caption, columns, rows, keyOf, href}) {
  const classes = c => names(c.num && "num", c.nowrap && "nowrap", c.min && "min", c.full && "full", c.p && `p${c.p}`);
  const open = (event, row) => { if (!event.target.closest("a,input,button,select") && !String(getSelection())) location.hash = href(row); };
  return html`<div class="scroll" tabindex="0"><table class="st"><caption class="vh">${caption}</caption>
    <thead><tr>${columns.map((c, i) => html`<th key=${i} scope="col" class=${classes(c)}>${c.head || html`<span class="vh">${c.label}</span>`}</th>`)}</tr></thead>
    <tbody>${rows.map((row, n) => html`<tr key=${keyOf ? keyOf(row) : n} tabindex=${href ? 0 : undefined} data-href=${href?.(row)} onClick=${href && (e => open(e, row))}>
      ${columns.map((c, i) => html`<td key=${i} class=${classes(c)} data-h=${typeof c.head === "string" && c.head ? c.head : undefined}>${c.cell(row)}</td>`)}</tr>`)}
    </tbody></table></div>`;
}

/** Pages of a list of the API: {items, searchedTo, error, loading, again, pager}. */
export function usePages(path, values, {every} = {}) {
  const [cursors, set] = useState([]);
  const key = path + JSON.stringify(values ?? {});
  const [mine, own] = useState(key);
  useEffect(() => { set([]); own(key); }, [key]);
  const cursor = mine === key ? cursors.at(-1) : undefined;
  const found = useApi(path, {every: cursor ? undefined : every, values: {...values, cursor}});
  const next = found.data?.next ?? null;
  return {...found, items: found.data?.items, searchedTo: found.data?.searched_to ?? null, first: !cursor, place: cursor ?? "", next,
    newer: cursor ? () => set(cursors.slice(0, -1)) : null, older: next ? () => set([...(mine === key ? cursors : []), next]) : null};
}

/** The foot of a list: a note, and the way to newer and older items. */
export const Pager = ({pages, children}) => html`<div class="pager"><span class="grow">${children}</span>
  <button disabled=${!pages.newer} onClick=${pages.newer}>Newer</button><button disabled=${!pages.older} onClick=${pages.older}>Older</button></div>`;

/** Move along the rows that open: +1 down, -1 up. */
export function step(by) {
  const rows = [...document.querySelectorAll("tbody tr[tabindex]")];
  const at = rows.indexOf(document.activeElement?.closest?.("tr") ?? null);
  rows[Math.min(rows.length - 1, Math.max(0, at + by))]?.focus();
}

/** Open the row that has the focus; returns whether there is one. */
export function openRow() {
  const row = document.activeElement;
  if (!row?.dataset?.href) return false;
  go(row.dataset.href.slice(1));
  return true;
}
