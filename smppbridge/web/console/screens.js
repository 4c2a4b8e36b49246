// screens: all of them, in the order of the menu.  A screen is a module of views/ with
//   screen = {path, title, key, icon, group: 1 | 2 | 3, role, flag: overview => ({n, tone}) | null, under}
//   View({params, query}): what is shown below the frame.
// `key` is what follows g; a screen without `group` is in no menu and marks the entry `under`.
import * as login from "./views/login.js";
import * as message from "./views/message.js";
import * as messages from "./views/messages.js";
import * as overview from "./views/overview.js";
import * as uncertain from "./views/uncertain.js";

export const Login = login.View;

export const VIEWS = [
  overview,
  messages,
  message,
  uncertain,
];
