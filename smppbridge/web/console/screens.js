// screens: all of them, in the order of the menu.  A screen is a module of views/ with
//   screen = {path, title, key, icon, group: 1 | 2 | 3, role, flag: overview => ({n, tone}) | null, under}
//   View({params, query}): what is shown below the frame.
// `key` is what follows g; a screen without `group` is in no menu and marks the entry `under`.
import * as account from "./views/account.js";
import * as accounts from "./views/accounts.js";
import * as audit from "./views/audit.js";
import * as cdr from "./views/cdr.js";
import * as login from "./views/login.js";
import * as message from "./views/message.js";
import * as messages from "./views/messages.js";
import * as overview from "./views/overview.js";
import * as phones from "./views/phones.js";
import * as provider from "./views/provider.js";
import * as providers from "./views/providers.js";
import * as refused from "./views/refused.js";
import * as send from "./views/send.js";
import * as settings from "./views/settings.js";
import * as trace from "./views/trace.js";
import * as traced from "./views/traced.js";
import * as uncertain from "./views/uncertain.js";
import * as unmatched from "./views/unmatched.js";

export const Login = login.View;

export const VIEWS = [
  overview,
  messages,
  message,
  uncertain,
  unmatched,
  refused,
  providers,
  provider,
  accounts,
  account,
  phones,
  send,
  trace,
  traced,
  settings,
  audit,
  cdr,
];
