// settings_table: settings in force with where each comes from, those that nobody set only if wanted.
import {html, useState} from "./vendor/preact/standalone.mjs";
import {Answered} from "./answered.js";
import {count} from "./format.js";
import {Card, Empty, Field} from "./parts.js";
import {Table} from "./table.js";

const columns = begin => [
  {head: "Key", nowrap: true, cell: s => s.key.slice(begin.length)},
  {head: "Value", full: true, cell: s => s.value === "secret" ? html`<span class="mono" role="img" aria-label="a secret">••••</span>` : html`<span class="mono any">${s.value}</span>`},
  {head: "From", nowrap: true, p: 2, cell: s => html`<span class="faint">${s.origin}</span>`},
];

/** The settings whose keys have a beginning; `found` is the answer of GET /config. */
export function SettingsTable({title, found, begin = "", searched}) {
  const [defaults, setDefaults] = useState(false), [word, setWord] = useState("");
  const wanted = word.trim().toLowerCase(), box = html`<label class="small"><input type="checkbox" checked=${defaults} onChange=${e => setDefaults(e.target.checked)} /> defaults too</label>`;
  return html`<${Card} title=${title} right=${box} bare>${searched && html`<div class="pad"><${Field} label="Find a key" value=${word} onChange=${setWord} maxlength="64" /></div>`}
    <${Answered} of=${found} what="the settings">${data => {
      const own = data.items.filter(s => s.key.startsWith(begin)), kept = own.filter(s => (defaults || s.origin !== "default") && s.key.toLowerCase().includes(wanted));
      return kept.length ? html`<${Table} caption=${title} columns=${columns(begin)} rows=${kept} keyOf=${s => s.key} /><div class="pager">${count(kept.length)} of ${count(own.length)} keys</div>`
        : html`<${Empty} icon="search" title="No such key">${!defaults && html`<span>Only keys that are set are shown: tick “defaults too” for the others.</span>`}</${Empty}>`;
    }}</${Answered}></${Card}>`;
}
