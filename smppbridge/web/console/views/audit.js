// audit: who did what by hand, and who looked at texts and numbers.
import {Answered, Card, count, Empty, get, Head, html, Icon, NONE, Pager, save, say, Table, Time, usePages, useState} from "../lib.js";

export const screen = {path: "/audit", title: "Audit log", key: "l", icon: "audit", group: 3, role: "admin"};

const MOST = 20_000;
const bad = action => action === "login_refused";
const details = detail => Object.entries(detail).map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`).join(", ");
const COLUMNS = [
  {head: "When", nowrap: true, cell: a => html`<${Time} at=${a.at} />`},
  {head: "Who", cell: a => html`<span class="any">${a.actor || NONE}</span><span class="sub">${a.via}</span>`},
  {head: "What", cell: a => html`<span class=${bad(a.action) ? "bad" : undefined}>${a.action.replaceAll("_", " ")}</span>`},
  {head: "On", full: true, cell: a => html`<span class="any">${a.object}${a.object && Object.keys(a.detail).length > 0 && ": "}${details(a.detail)}</span>`},
  {head: "From", p: 2, cell: a => html`<span class="mono any">${a.address || "local"}</span>`},
];

/** All acts as JSON, one a line, newest first; at most MOST of them. */
async function lines() {
  const all = [];
  for (let cursor; all.length < MOST;) {
    const {items, next} = await get("/audit", {limit: 500, cursor});
    all.push(...items);
    if (!next) break;
    cursor = next;
  }
  return all;
}

export function View() {
  const pages = usePages("/audit", {}, {every: 10}), [busy, set] = useState(false);
  const load = async () => {
    set(true);
    try {
      const all = await lines();
      save("audit.jsonl", all.map(each => JSON.stringify(each) + "\n").join(""), "application/jsonl");
      if (all.length >= MOST) say(`Only the newest ${count(all.length)} acts are in the file.`, "warn");
    } catch (error) {
      say(error.message, "bad");
    }
    set(false);
  };
  return html`<${Head} title="Audit log" says="Who did what by hand, and who looked at texts and numbers. It cannot be changed here.">
      <button disabled=${busy} onClick=${load}><${Icon} name="download" />JSON lines</button></${Head}>
    <${Card} title="Acts" muted="newest first" bare><${Answered} of=${pages} what="the audit log">${() => pages.items.length
      ? html`<${Table} caption="Audit log" columns=${COLUMNS} rows=${pages.items} /><${Pager} pages=${pages}>Kept for 400 days.</${Pager}>`
      : html`<${Empty} icon="audit" title="Nobody did anything yet"><span>Every act by hand is written down here before it is carried out.</span></${Empty}>`}</${Answered}></${Card}>`;
}
