// binds: what an account has now, in figures that may not be known.

/** Whether nobody is bound, or only sessions that take no receipts: "none", "deaf" or "well". */
export function bound(account) {
  const {transmitter = 0, receiver = 0, transceiver = 0} = account.binds ?? {};
  return receiver + transceiver > 0 ? "well" : transmitter > 0 ? "deaf" : "none";
}

/** How many submit_sm a second are accepted, are refused, may come: {now, refused, limit}; null is not known or not limited. */
export function speedOf({throughput}) {
  if (throughput === null || typeof throughput !== "object") return {now: null, refused: null, limit: throughput ?? null};
  return {now: throughput.now ?? null, refused: throughput.refused ?? null, limit: throughput.limit ?? null};
}

/** How many deliver_sm an account has not acknowledged, the time of the oldest, the time they are kept until. */
export function owedTo(account) {
  if (account.owed && typeof account.owed === "object") return account.owed;
  return {count: account.receipts_owed ?? 0};
}
