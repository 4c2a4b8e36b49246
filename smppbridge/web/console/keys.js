// keys: what the keyboard does on every screen.
import {html, useLayoutEffect} from "./vendor/preact/standalone.mjs";
import {turnTheme} from "./chart.js";
import {Dialog} from "./parts.js";
import {go} from "./router.js";
import {store, useStore} from "./store.js";
import {openRow, step} from "./table.js";

const shown = store(false);
export const showKeys = () => shown.set(true);

/** The keys that mean something on every screen, from its first moment; `screens` have the second key of g. */
export function useKeys(screens) {
  useLayoutEffect(() => {
    let awaited = false;
    const act = {
      "/": () => { const field = document.getElementById("q"); field?.focus(); field?.select(); },
      "?": showKeys,
      d: turnTheme,
      j: () => step(+1),
      k: () => step(-1),
    };
    const pressed = event => {
      if (event.key === "Escape" && event.target.closest?.("input,textarea,select")) { event.target.blur(); return; }
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input,textarea,select,dialog")) return;
      const screen = awaited && screens.find(each => each.key === event.key);
      awaited = !awaited && event.key === "g";
      if (screen) { event.preventDefault(); go(screen.path); }
      else if (event.key === "Enter") { if (openRow()) event.preventDefault(); }
      else if (act[event.key]) { event.preventDefault(); act[event.key](); }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [screens]);
}

export function Keys({screens}) {
  const open = useStore(shown), close = () => shown.set(false), keyed = screens.filter(each => each.key);
  return html`<${Dialog} title="Keys" open=${open} onClose=${close}>
    <dl class="facts">
      <dt><kbd>/</kbd></dt><dd>find a message</dd>
      ${keyed.map(each => html`<dt key=${each.key}><kbd>g</kbd> <kbd>${each.key}</kbd></dt><dd>${each.title}</dd>`)}
      <dt><kbd>j</kbd> <kbd>k</kbd> <kbd>Enter</kbd></dt><dd>row down, row up, open</dd>
      <dt><kbd>d</kbd></dt><dd>dark or light</dd><dt><kbd>?</kbd></dt><dd>these keys</dd><dt><kbd>Esc</kbd></dt><dd>close, leave a field</dd>
    </dl><div class="actions"><button onClick=${close}>Close</button></div></${Dialog}>`;
}
