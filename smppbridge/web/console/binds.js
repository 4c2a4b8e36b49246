// binds: the sessions of an account in a few words.
const SHORT = {transmitter: "TX", receiver: "RX", transceiver: "TRX"};

/** {tone, word} of an account's binds: nobody bound, nobody who takes receipts, or all well. */
export function bindState(account) {
  const binds = Object.entries(account.binds ?? {}).filter(([, n]) => n > 0);
  if (!binds.length) return {tone: "bad", word: "nobody bound"};
  const words = binds.map(([kind, n]) => `${n} ${SHORT[kind] ?? kind}`).join(", ");
  const deaf = !account.binds.receiver && !account.binds.transceiver;
  return deaf ? {tone: "warn", word: `${words}, no receiver`} : {tone: "ok", word: words};
}

/** How fast an account submits, and how fast it may: {now, limit}; null is not known or not limited. */
export function speedOf({throughput}) {
  if (throughput === null || typeof throughput !== "object") return {now: null, limit: throughput ?? null};
  return {now: throughput.now ?? null, limit: throughput.limit ?? null};
}

/** How many deliver_sm an account has not acknowledged, the time of the oldest, the time they are kept until. */
export function owedTo(account) {
  if (account.owed && typeof account.owed === "object") return account.owed;
  return {count: account.receipts_owed ?? 0};
}
