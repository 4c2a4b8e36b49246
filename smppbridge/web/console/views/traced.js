// traced: one trace: its PDUs and requests as they come, one of them octet for octet, and the file.
import {
  Act, Answered, Badge, Card, Confirm, count, del, duration, Empty, get, go, Head, html, Icon, link, may, names, octets, post,
  save, Time, useApi, useEffect, useRef, useState, visible,
} from "../lib.js";
import {PREFIX} from "../api.js";
import {hexLines} from "../receipt_preview.js";
import {look, subject} from "../traces.js";

export const screen = {path: "/trace/:id", title: "Trace", under: "/trace", role: "operator"};

const SHOWN = 500, KEPT = 10_000;

/** The packets of a trace, asked for bit by bit: {items, error, more}. */
function usePackets(id) {
  const [state, set] = useState({items: []}), wanted = useRef(true);
  useEffect(() => {
    wanted.current = true;
    let timer, items = [], cursor;
    const ask = async () => {
      let pause = 1_000;
      try {
        if (visible.get()) {
          const page = await get(`/traces/${encodeURIComponent(id)}/pdus`, {cursor, limit: 500});
          if (!wanted.current) return;
          items = page.items.length ? [...items, ...page.items].slice(-KEPT) : items;
          cursor = page.next ?? cursor;
          set({items, more: page.more});
          if (!page.more) return;
          if (page.items.length) pause = 100;
        }
      } catch (error) {
        if (!wanted.current) return;
        set({items, error});
        if (error.status >= 400 && error.status < 500) return;
        pause = 5_000;
      }
      timer = setTimeout(ask, pause);
    };
    ask();
    return () => { wanted.current = false; clearTimeout(timer); };
  }, [id]);
  return state;
}

const first = text => text.split("\n", 1)[0];
const tone = text => /ESME_R(?!OK)|^HTTP\/\S+ [45]/.test(text) ? "warn" : undefined;

function Row({packet, here, pick}) {
  const text = first(packet.text);
  return html`<tr class=${here ? "here" : undefined} onClick=${() => pick(packet.n)}>
    <td class="min" data-h="Time"><span class="mono"><${Time} at=${packet.at} ms /></span></td>
    <td class="min" data-h="Between"><span aria-label=${packet.inbound ? "from" : "to"}>${packet.inbound ? "←" : "→"}</span> ${packet.line}</td>
    <td class="full"><button class=${names("link", "any")} aria-pressed=${String(here)} onClick=${() => pick(packet.n)}><span class=${tone(text)}>${text.length > 160 ? `${text.slice(0, 160)}…` : text}</span></button></td></tr>`;
}

function Packets({found, chosen, pick}) {
  const {items, error, more} = found, shown = items.slice(-SHOWN).reverse();
  if (!items.length) return error ? html`<${Answered} of=${{error}} what="the packets" />`
    : html`<${Empty} icon="trace" title=${more ? "Nothing has passed yet" : "Nothing passed"}><span>${more ? "Each PDU and each request shows here as it comes." : "Was it the right account, number, provider or address?"}</span></${Empty}>`;
  return html`<div class="scroll" tabindex="0"><table class="st"><caption class="vh">Traced PDUs and requests</caption><thead><tr><th scope="col" class="min">Time</th><th scope="col" class="min">Between</th><th scope="col" class="full">What</th></tr></thead>
    <tbody>${shown.map(packet => html`<${Row} key=${packet.n} packet=${packet} here=${packet.n === chosen} pick=${pick} />`)}</tbody></table></div>
    <div class="pager"><span class="grow">${items.length > SHOWN ? `the newest ${count(SHOWN)} of ${count(items.length)}; all are in the file` : `${count(items.length)}, newest first`}</span></div>`;
}

const Detail = ({packet}) => html`<${Card} title=${first(packet.text).slice(0, 60)} muted=${`${packet.inbound ? "from" : "to"} ${packet.line}`}>
  <div class="grid2 top"><div><h3>As text</h3><pre class="wrap" tabindex="0" aria-label="The packet as text">${packet.text}</pre></div>
  <div><h3>${count(packet.octets.length / 2)} octets</h3><pre tabindex="0" aria-label="The packet in octets">${hexLines(packet.octets) || "none"}</pre></div></div></${Card}>`;

const asText = items => items.map(p => `${p.at} ${p.line} ${p.inbound ? "->" : "<-"} ${p.text}${p.words ? `  (${p.words})` : ""}\n`).join("");

function Forget({id}) {
  const [asking, ask] = useState(false);
  return html`<button class="danger" onClick=${() => ask(true)}>Drop…</button><${Confirm} title="Drop this trace?" open=${asking} danger act="Drop the trace" onClose=${() => ask(false)}
    does=${async () => { await del(`/traces/${encodeURIComponent(id)}`); look(); go("/trace"); }}><p>What it has kept is gone then, for everybody. Download it before if it is needed.</p></${Confirm}>`;
}

export function View({params}) {
  const {id} = params, at = `/traces/${encodeURIComponent(id)}`, trace = useApi(at, {every: 2}), found = usePackets(id), [chosen, pick] = useState(null);
  const packet = found.items.find(each => each.n === chosen), data = trace.data;
  const stop = async () => { await post(`${at}/stop`); trace.again(); look(); };
  const says = data && html`${data.of === "account" ? "Account" : data.of === "provider" ? "Provider" : data.of === "number" ? "Number" : "Address"} ${data.value} · by ${data.by} since <${Time} at=${data.began_at} /> · ${data.texts ? "texts are shown" : "texts left out"}`;
  return html`<${Head} title=${data ? subject(data) : `Trace ${id}`} above=${html`<a href="#/trace">Trace</a>`} says=${says}>${data && html`
      ${data.ended ? html`<${Badge} word=${data.ended} />` : html`<${Badge} tone="info" word=${`${duration(Math.ceil(data.seconds_left))} left`} /><${Act} does=${stop} done="The trace has ended; it can be read for an hour."><${Icon} name="stop" />Stop</${Act}>`}
      <a class="button" href=${`${PREFIX}${at}.pcapng`} download=${`smppbridge-trace-${id}.pcapng`}><${Icon} name="download" />pcapng for Wireshark</a>
      <button disabled=${!found.items.length} onClick=${() => save(`smppbridge-trace-${id}.txt`, asText(found.items))}><${Icon} name="download" />Text</button>${may("operator") && html`<${Forget} id=${id} />`}`}</${Head}>
    <${Answered} of=${trace} what="this trace">${() => html`<${Card} title=${`${count(data.packets)} of at most ${count(KEPT)}`} muted=${octets(data.octets)} bare><${Packets} found=${found} chosen=${chosen} pick=${pick} /></${Card}>
      ${packet && html`<${Detail} packet=${packet} />`}`}</${Answered}>`;
}
