// login: a name and a password; who has none gets a link on the bridge's machine.
import {html, Icon, post, session, useEffect, useRef, useState} from "../lib.js";

export function View({why}) {
  const [user, setUser] = useState(""), [password, setPassword] = useState(""), [state, set] = useState({}), first = useRef(null);
  useEffect(() => first.current.focus(), []);
  const submit = async event => {
    event.preventDefault();
    set({busy: true});
    try {
      session.set(await post("/session", {user, password}, {quiet: true}));
    } catch (error) {
      const wait = error.retryAfter ? ` The next try is answered in ${error.retryAfter} s.` : "";
      set({error: error.message.replace(/[^.]$/, "$&.") + wait});
      setPassword("");
    }
  };
  const bad = state.error ?? (state.busy ? null : why);
  return html`<main class="login"><div class="stack"><section class="card"><form class="pad form" onSubmit=${submit}>
    <h1 class="brand"><${Icon} name="brand" /><span>smppbridge</span></h1>
    <label class="f">User<input ref=${first} name="user" autocomplete="username" required maxlength="64" value=${user} onInput=${e => setUser(e.target.value)} /></label>
    <label class="f">Password<input name="password" type="password" autocomplete="current-password" required maxlength="1024" value=${password} onInput=${e => setPassword(e.target.value)} /></label>
    <button class="primary" disabled=${state.busy}>Log in</button>${bad && html`<p class="small bad" role="alert">${bad}</p>`}
  </form></section><p class="small muted">No user yet? On the bridge's machine, <code>smppbridge login</code> prints a link that works once.</p></div></main>`;
}
