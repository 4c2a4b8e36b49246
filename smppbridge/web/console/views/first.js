// first: a bridge through which nothing has gone yet: three steps to the first message.
import {Badge, Card, count, Empty, Facts, Head, html, LaneBadge, may, SessionsBadge, Table, useApi} from "../lib.js";

const COLUMNS = [
  {head: "Provider", cell: p => html`<b>${p.name}</b>`},
  {head: "State", cell: p => p.balance ? html`<${Badge} tone="ok" word="balance told: credentials work" />` : html`<${LaneBadge} state=${p.state} />`},
  {head: "Credit", num: true, cell: p => p.balance ? `${count(p.balance.amount)} ${p.balance.unit}` : html`<span class="faint">not told</span>`},
];

/** The port of an endpoint as "tcp:2775" or "ssl:port=2776:…"; the text itself if it has none. */
const portOf = text => /(?:^|:)(?:port=)?(\d{2,5})(?::|$)/.exec(String(text))?.[1] ?? String(text);

function useSettings() {
  const items = useApi("/config").data?.items ?? [];
  return key => { const found = items.filter(each => each.key === key || each.key.startsWith(`${key}[`)); return found.length ? found.map(each => each.value).flat().join(", ") : null; };
}

export function First({providers, accounts, above}) {
  const setting = useSettings(), account = accounts[0], listen = setting("smpp.listen"), url = setting("callbacks.public_url");
  return html`<${Head} title="Nothing has been sent yet" says="The bridge runs and takes messages. Three steps to the first one:" />${above}
    <div class="grid3"><${Card} title="1 · Bind"><p class="muted">Give your ESME this, and it is a client of this bridge:</p>
      <${Facts} rows=${[["host", html`<span class="mono">${location.hostname}</span>`], ["port", listen ? html`<span class="mono">${listen.split(", ").map(portOf).join(", ")}</span>` : html`as in <code>smpp.listen</code>`],
        ["system_id", account ? html`<span class="mono">${account.id}</span>` : html`none yet: add one under <code>accounts</code>`], ["password", "as in bridge.yaml"]]} />
      <div>${account ? html`<${SessionsBadge} account=${account} />` : null}</div></${Card}>
    <${Card} title="2 · Send"><p class="muted">Or try the way to the provider first, without an ESME:</p>
      <div class="actions">${may("operator") ? html`<a class="button" href="#/send">Send a test message</a>` : html`<code>smppbridge send</code>`}</div></${Card}>
    <${Card} title="3 · Hear"><p class="muted">Providers report to</p><pre class="wrap" tabindex="0">${url ? `${url}/callbacks/` : "callbacks.public_url"}${url && "…"}</pre>
      <p class="muted"><code>smppbridge doctor</code> says whether they can.</p></${Card}></div>
    <${Card} title="Providers" bare>${providers.length ? html`<${Table} caption="Providers" columns=${COLUMNS} rows=${providers} keyOf=${p => p.name} />`
      : html`<${Empty} icon="providers" title="No provider"><span>Add one under <code>providers</code> in bridge.yaml.</span></${Empty}>`}</${Card}>
    <${Card} title="Messages" bare><${Empty} icon="messages" title="No messages"><span>They appear here as soon as an account submits one.</span></${Empty}></${Card}>`;
}
