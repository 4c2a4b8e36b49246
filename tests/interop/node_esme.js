// An ESME of node-smpp: see operations.py.  Its argument is a job in JSON.
const smpp = require("smpp"), { EventEmitter, once } = require("events");
const job = JSON.parse(process.argv[2]);
const said = { answers: [], receipts: [], called: [] };
const ids = {}, heard = new EventEmitter();

function take(session, pdu) {
  session.send(pdu.response());
  const { command: by, receipted_message_id: id, message_state: state, esm_class } = pdu;
  said.receipts.push({ by, id, state, esm_class });
  heard.emit("receipt");
}

function listening(session) {
  session.on("deliver_sm", (pdu) => take(session, pdu));
  session.on("data_sm", (pdu) => take(session, pdu));
  return session;
}

const ask = (session, command, fields) =>
  new Promise((answer) => session[command](fields, answer));
const meant = (value) => (`${value}`.startsWith("@") ? ids[value.slice(1)] : value);
const login = { system_id: job.system_id, password: job.password };

async function step(session, { command, fields, name }) {
  if (command === "until") {
    const owed = fields.ids.map(meant);
    const missing = () => owed.some((id) => !said.receipts.some((receipt) => receipt.id === id));
    while (missing()) await once(heard, "receipt");
    return;
  }
  const entries = Object.entries(fields).map(([key, value]) => [key, meant(value)]);
  const pdu = await ask(session, command, Object.fromEntries(entries));
  const { command_status: status, message_id, message_state, final_date } = pdu;
  said.answers.push({ status, message_id, message_state, final_date });
  ids[name] = message_id;
}

function connected() {
  const session = listening(smpp.connect({ host: "127.0.0.1", port: job.port }));
  return new Promise((found) => session.on("connect", () => found(session)));
}

// An SMSC calls: whoever gets an outbind answers it with bind_receiver (SMPP 3.4, 2.2.1).
function called(session) {
  listening(session).on("outbind", async ({ system_id, password }) => {
    const { command_status: status } = await ask(session, "bind_receiver", login);
    said.called.push({ system_id, password, status });
  });
}

async function main() {
  const server = smpp.createServer(called);
  if (job.listen) await new Promise((done) => server.listen(job.listen, "127.0.0.1", done));
  const session = await connected();
  await ask(session, `bind_${job.kind}`, login);
  for (const each of job.steps) await step(session, each);
  for (const each of [session, ...server.sessions]) await ask(each, "unbind", {});
  console.log(JSON.stringify(said));
  process.exit();
}

main();
