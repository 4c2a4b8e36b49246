// send: a test message: first what would happen, then, if wanted, for real.
import {Card, Choice, Confirm, duration, Empty, Field, Head, html, link, many, post, reasonOf, say, useApi, useState} from "../lib.js";
import {Plan} from "../dry_run.js";

export const screen = {path: "/send", title: "Send a test", key: "s", icon: "send", group: 3, role: "operator"};

const RECEIPTS = [["1", "on success and failure"], ["2", "on failure only"], ["0", "none"]];
const VALIDITY = [["600", "10 min"], ["3600", "1 h"], ["86400", "24 h"]];

/** A key that is new for each message: pressing Send twice sends once. */
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), each => each.toString(16).padStart(2, "0")).join("");

function Sent({sent}) {
  return html`<${Card} title="Sent"><p>The bridge has taken it as <a class="mono" href=${link(`/messages/${sent.message_id}`)}>${sent.message_id}</a>. Its page shows the route, each attempt, and the receipt.</p></${Card}>`;
}

function Form({form, set, accounts, busy, dry, ask}) {
  const field = name => value => set({...form, [name]: value}), characters = [...form.text].length;
  return html`<section class="card"><form class="pad form" onSubmit=${event => { event.preventDefault(); ask(); }}>
    <div class="row"><${Choice} label="As account" value=${form.account} options=${accounts.map(a => [a.id, a.id])} onChange=${field("account")} />
      <${Field} label="From" value=${form.source} onChange=${field("source")} required maxlength="20" /></div>
    <${Field} label="To" value=${form.destination} onChange=${field("destination")} required maxlength="24" placeholder="+243 810 000 042" />
    <label class="f">Text<textarea rows="4" required maxlength="40000" value=${form.text} onInput=${e => field("text")(e.target.value)}></textarea><small>${many(characters, "character")}; alphabet and segments are shown beside.</small></label>
    <div class="row"><${Choice} label="Receipt" value=${form.receipt} options=${RECEIPTS} onChange=${field("receipt")} /><${Choice} label="Valid for" value=${form.validity} options=${VALIDITY} onChange=${field("validity")} /></div>
    <div class="actions"><button type="button" disabled=${busy || !form.account || !form.destination || !form.text} onClick=${dry}>Only show what would happen</button>
      <button class="primary" disabled=${busy || !form.account}>Send…</button></div></form></section>`;
}

export function View({query}) {
  const accounts = useApi("/accounts"), known = accounts.data?.items ?? [];
  const [form, setForm] = useState({account: query.account ?? "", source: query.source ?? "TEST", destination: "", text: "", receipt: "1", validity: "600"});
  const [shown, show] = useState({}), [asking, ask] = useState(false), [key, setKey] = useState(newKey);
  const account = form.account || known[0]?.id || "", set = next => { setForm(next); setKey(newKey()); show(old => ({...old, old: Boolean(old.plan)})); };
  const body = dry => ({account, source: form.source.trim(), destination: /[A-Za-z]/.test(form.destination) ? form.destination.trim() : form.destination.replace(/[^0-9+]/g, ""), text: form.text, registered_delivery: Number(form.receipt), validity: Number(form.validity), dry_run: dry});
  const dry = async () => {
    show({busy: true});
    try { show({plan: await post("/messages", body(true))}); } catch (error) { show({error}); }
  };
  const send = async () => {
    const sent = await post("/messages", body(false), {headers: {"Idempotency-Key": key}});
    setKey(newKey());
    show({...shown, sent});
    say("The message is on its way.");
  };
  const segments = shown.plan?.segments && !shown.old ? `${many(shown.plan.segments, "segment")}` : "what a real one costs";
  return html`<${Head} title="Send a test message" says="It goes the way of a real one: account, route, provider, receipt. It costs what a real one costs." />
    <div class="grid2 top"><div class="stack"><${Form} form=${{...form, account}} set=${set} accounts=${known} busy=${shown.busy} dry=${dry} ask=${() => ask(true)} />${shown.sent && html`<${Sent} sent=${shown.sent} />`}</div>
      <${Card} title="What would happen" muted=${shown.old ? "the form has changed since" : undefined} bare><${Shown} shown=${shown} account=${account} /></${Card}></div>
    <${Confirm} title="Send 1 message?" open=${asking} act="Send 1 message" onClose=${() => ask(false)} does=${send}>
      <p>A real phone gets it: ${form.destination}, from ${form.source}, as account ${account}. It costs ${segments}, and ${account} gets the receipt if one is asked for.</p>
      <p>It is valid for ${duration(Number(form.validity))}; after that it is given up.</p></${Confirm}>`;
}

function Shown({shown, account}) {
  if (shown.error) {
    const [title, advice] = shown.error.status === 422 ? [shown.error.message, "Change what is named, and look again."] : reasonOf(shown.error, "what would happen");
    return html`<div role="alert"><${Empty} icon="alarm" title=${title}><span>${advice}</span></${Empty}></div>`;
  }
  if (!shown.plan) return html`<${Empty} icon="send" title=${shown.busy ? "Looking …" : "Nothing has been looked at yet"}><span>“Only show what would happen” sends nothing: it says which alphabet, how many segments, which route, and why.</span></${Empty}>`;
  return html`<${Plan} plan=${shown.plan} account=${account} />`;
}
