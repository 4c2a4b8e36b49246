// receipt_preview: the receipt that an account would get: as text, as fields, as octets.
import {html, useState} from "./vendor/preact/standalone.mjs";
import {reasonOf} from "./answered.js";
import {post} from "./api.js";
import {Card, Choice, Empty, Field} from "./parts.js";
import {Table} from "./table.js";

const STATES = ["DELIVERED", "UNDELIVERABLE", "EXPIRED", "REJECTED", "DELETED", "UNKNOWN", "ENROUTE", "ACCEPTED"].map(each => [each, each]);
const VERSIONS = [["3.4", "3.4"], ["3.3", "3.3: no TLVs"], ["5.0", "5.0"]];
const OWN = "own";
const TEXTS = [["", "in GSM 03.38"], ["Café à 5 €, señor: ¿sí?", "with accents: é à € ñ"], ["Ваш код 123456", "in UCS-2: Ваш код"], ["none", "no text"], [OWN, "another …"]];
const QUOTES = [["", "as it is set"], ["yes", "its first 20 characters"], ["no", "none"]];
const OFFSETS = [["", "as it is set"], ...["-05:00", "+00:00", "+01:00", "+02:00", "+03:00", "+05:30", "+08:00"].map(each => [each, each])];

const FIELDS = [
  {head: "Field", cell: f => html`<code>${f.name}</code>`},
  {head: "Value", full: true, cell: f => html`<span class="mono any">${String(f.value ?? "")}</span>`},
];

const WORDS = [
  {head: "Provider", cell: w => w.provider}, {head: "Its status", cell: w => html`<span class="mono any">${w.status}</span>`},
  {head: "err", cell: w => html`<span class="mono">${w.err ?? "its own"}</span>`},
];

/** Octets in hexadecimal, in groups of four, sixteen a line. */
export const hexLines = hex => (hex.match(/.{1,32}/g) ?? []).map(line => line.match(/.{1,8}/g).join(" ")).join("\n");

export function ReceiptPreview({id}) {
  const [form, set] = useState({state: "DELIVERED", version: "3.4", error: "", text: "", own: "", quotes: "", offset: ""}), [shown, show] = useState({});
  const put = name => value => set(old => ({...old, [name]: value}));
  const submit = async event => {
    event.preventDefault();
    const body = {state: form.state, interface_version: form.version, error: form.error === "" ? undefined : Number(form.error),
      message: {"": undefined, none: "", [OWN]: form.own}[form.text] ?? (form.text || undefined), quotes: form.quotes === "" ? undefined : form.quotes === "yes", utc_offset: form.offset || undefined};
    try {
      show({data: await post(`/accounts/${encodeURIComponent(id)}/receipt-preview`, body)});
    } catch (error) {
      show({error});
    }
  };
  return html`<${Card} title="Receipt preview"><p class="muted">What this account gets for a message. Nothing is sent or changed by looking: the last two are tried only here.</p>
    <form class="row" onSubmit=${submit}><${Choice} label="State" value=${form.state} options=${STATES} onChange=${put("state")} />
      <${Field} label="err" value=${form.error} onChange=${put("error")} inputmode="numeric" pattern="\\d{1,5}" maxlength="5" placeholder="as is usual" />
      <${Choice} label="The message" value=${form.text} options=${TEXTS} onChange=${put("text")} />
      ${form.text === OWN && html`<${Field} label="Its text" value=${form.own} onChange=${put("own")} maxlength="160" />`}
      <${Choice} label="SMPP of the client" value=${form.version} options=${VERSIONS} onChange=${put("version")} />
      <${Choice} label="Time zone" value=${form.offset} options=${OFFSETS} onChange=${put("offset")} />
      <${Choice} label="Text in it" value=${form.quotes} options=${QUOTES} onChange=${put("quotes")} />
      <button class="fix">Show the receipt</button></form><${Shown} ...${shown} /></${Card}>`;
}

function Shown({data, error}) {
  if (error) {
    const [title, advice] = reasonOf(error, "the receipt");
    return html`<${Empty} icon="info" title=${title}><span>${advice}</span></${Empty}>`;
  }
  return data ? html`<h3>Text</h3><pre class="wrap" tabindex="0" aria-label="Text of the receipt">${data.text || "no text: everything is in the TLVs"}</pre>
    <div class="grid2 top"><div><h3>Fields</h3><${Table} caption="Fields of the receipt" columns=${FIELDS} rows=${data.fields} /></div>
    <div><h3>Octets of the ${data.pdu}</h3><pre tabindex="0" aria-label="Octets of the receipt">${hexLines(data.octets_hex)}</pre></div></div>
    ${data.reported_as?.length > 0 && html`<h3>Reported by providers as</h3><${Table} caption="Statuses of providers that end in this receipt" columns=${WORDS} rows=${data.reported_as} keyOf=${w => `${w.provider}\n${w.status}`} />`}` : null;
}
