// receipt_preview: the receipt that an account would get: as text, as fields, as octets.
import {html, useState} from "./vendor/preact/standalone.mjs";
import {reasonOf} from "./answered.js";
import {post} from "./api.js";
import {Card, Choice, Empty} from "./parts.js";
import {Table} from "./table.js";

const STATES = ["DELIVERED", "UNDELIVERABLE", "EXPIRED", "REJECTED", "DELETED", "UNKNOWN", "ENROUTE", "ACCEPTED"].map(each => [each, each]);
const VERSIONS = [["3.4", "3.4"], ["3.3", "3.3: no TLVs"], ["5.0", "5.0"]];

const FIELDS = [
  {head: "Field", cell: f => html`<code>${f.name}</code>`},
  {head: "Value", full: true, cell: f => html`<span class="mono any">${String(f.value ?? "")}</span>`},
];

/** Octets in hexadecimal, in groups of four, sixteen a line. */
export const hexLines = hex => (hex.match(/.{1,32}/g) ?? []).map(line => line.match(/.{1,8}/g).join(" ")).join("\n");

export function ReceiptPreview({id}) {
  const [state, setState] = useState("DELIVERED"), [version, setVersion] = useState("3.4"), [shown, show] = useState({});
  const submit = async event => {
    event.preventDefault();
    try {
      show({data: await post(`/accounts/${encodeURIComponent(id)}/receipt-preview`, {state, interface_version: version})});
    } catch (error) {
      show({error});
    }
  };
  return html`<${Card} title="Receipt preview"><p class="muted">What this account gets for a message. Nothing is sent or changed by looking.</p>
    <form class="row" onSubmit=${submit}><${Choice} label="State" value=${state} options=${STATES} onChange=${setState} />
      <${Choice} label="SMPP of the client" value=${version} options=${VERSIONS} onChange=${setVersion} />
      <button class="fix">Show the receipt</button></form><${Shown} ...${shown} /></${Card}>`;
}

function Shown({data, error}) {
  if (error) {
    const [title, advice] = reasonOf(error, "the receipt");
    return html`<${Empty} icon="info" title=${title}><span>${advice}</span></${Empty}>`;
  }
  return data ? html`<h3>Text</h3><pre class="wrap" tabindex="0" aria-label="Text of the receipt">${data.text || "no text: everything is in the TLVs"}</pre>
    <div class="grid2 top"><div><h3>Fields</h3><${Table} caption="Fields of the receipt" columns=${FIELDS} rows=${data.fields} /></div>
    <div><h3>Octets of the ${data.pdu}</h3><pre tabindex="0" aria-label="Octets of the receipt">${hexLines(data.octets_hex)}</pre></div></div>` : null;
}
