"""The statements that write: one for a list, in the order of a message's life.

A plan that was made while a queue was empty is kept when 100,000 rows have come.  So an update of a
row of work, and a delete by its id, says ``= any(@ids)`` besides the join; where several columns
find a row, or a partition has to be found, ``lateral (... offset 0)`` makes it a look for each.
With the session's settings (``connection``) both forms go by the index whatever else.  It has to be
the right index: a column that another index begins with is added to zero.

A message is changed only by its owner: the row of its work is one of ``:mine``.  A final state is
written only with the row that it deletes, so that it cannot change, whoever races.
"""

from __future__ import annotations

from smppbridge.store.postgres import statements_ended as ended
from smppbridge.store.postgres import statements_sent as sent

# The order within a transaction is that of a message's life, and then its deliveries.
ORDER = (
    sent.INSERT_MESSAGE,
    sent.INSERT_WAITING,
    sent.INSERT_OUT,
    sent.INSERT_SEGMENT,
    sent.JOIN_SEGMENT,
    sent.BEGIN,
    sent.RECALL,
    sent.SUBMIT,
    sent.INSERT_NAMED,
    sent.RECORD_WAITING,
    sent.RECORD_UNSURE,
    sent.INSERT_PART,
    sent.END_PART,
    sent.INSERT_ATTEMPT,
    sent.MOVE,
    sent.REWRITE,
    sent.REVISIT,
    ended.RENAME,
    ended.STATE,
    ended.NOTIFY,
    ended.FINAL,
    ended.INSERT_MO,
    ended.INSERT_MO_DELIVERY,
    ended.INSERT_OPTOUT,
    ended.FINISH_DELIVERY,
    ended.POSTPONE_DELIVERY,
    ended.TELL,
    ended.TELL_NAMED,
    ended.DROP_TOLD,
    ended.INSERT_EARLY,
    ended.DELETE_EARLY,
    ended.INSERT_NOTE,
    ended.INSERT_REFUSED,
    ended.INSERT_UNMATCHED,
    ended.BEAT,
)
