// overview: is everything all right, and if not, what to look at.
import {Card, count, duration, Empty, Head, html, useOverview} from "../lib.js";

export const screen = {path: "/", title: "Overview", key: "o", icon: "overview", group: 1};

export function View() {
  const now = useOverview();
  if (!now) return html`<${Head} title="Overview" /><${Card}><${Empty} icon="overview" title="Waiting for the first figures" /></${Card}>`;
  return html`<${Head} title="Overview" /><div class="tiles">
    <a class="tile" href="#/uncertain"><div class="k">Uncertain</div><div class="v">${count(now.uncertain)}</div></a>
    <a class="tile" href="#/messages"><div class="k">Oldest waits</div><div class="v">${duration(now.oldest_seconds)}</div></a></div>`;
}
