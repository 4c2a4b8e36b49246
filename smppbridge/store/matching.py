"""Kept reports and the messages that they may be about, if ids are compared by another rule.

Read beside a running bridge.  A report is about a message only if it came after the message's last
attempt began: providers give an id again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, get_args

from smppbridge.model.identifiers import Tolerance, is_alike, same_id
from smppbridge.model.message import Stage
from smppbridge.providers.smpp.submit import decimal_to_hex, hex_to_decimal
from smppbridge.store.database import Database, dialect_of
from smppbridge.store.records import marks

IdRule = Literal["case", "zeros", "hex_to_decimal", "decimal_to_hex", "prefix", "suffix"]
"""How ids of reports differ from those of the answers: in case; in case and leading zeros; they are
decimal and the answers' hexadecimal, or the other way; they have some characters in front, or
behind."""
RULES: tuple[IdRule, ...] = get_args(IdRule)
SHORTEST = 4  # characters of an id that is sought within a longer one
LONGEST, LONGEST_AFFIX = 255, 40
_LARGEST = 2**63 - 1


class KeptReport(NamedTuple):
    """A report that is about no message so far; *row* is 0 for one that is early.

    *done_at* is that of a Report; times are UNIX seconds.
    """

    row: int
    provider_message_id: str
    state: int
    error: int
    at: float
    done_at: float | None = None


class Fit(NamedTuple):
    """A kept report and the only message that a rule finds for it, by the id that we have.

    *affix* are the characters that the report's id has more; *open*: the message has not ended.
    """

    report: KeptReport
    ours: str
    message_id: int
    open: bool
    affix: str = ""


class Matched(NamedTuple):
    """Kept reports under a rule: those that fit, and how many fit several messages."""

    fits: list[Fit]
    ambiguous: int


def kept(db: Database, provider: str, limit: int, before: int | None = None) -> list[KeptReport]:
    """Return reports of a provider that are about no message, the newest first.

    Without *before* early reports are the first; with it, only those are returned that were given
    up earlier than that row.
    """
    early: list[KeptReport] = []
    if before is None:
        rows = db.execute(
            "select 0, provider_message_id, state, error, at, done_at from early "
            "where provider = ? order by at desc limit ?",
            (provider, limit),
        )
        early = [KeptReport._make(row) for row in rows]
    rows = db.execute(
        "select id, provider_message_id, state, error, at from unmatched where kind = 'report' "
        "and reason = 'unknown_id' and provider = ? and id < ? order by id desc limit ?",
        (provider, _LARGEST if before is None else before, limit - len(early)),
    )
    return early + [KeptReport(*row) for row in rows]


def matched(db: Database, provider: str, reports: Sequence[KeptReport], rule: IdRule) -> Matched:
    """Return the reports that fit one message each.

    For a prefix or suffix only those count that have the commonest one of all.
    """
    found = [list(_fits(db, provider, report, rule)) for report in reports]
    affixes = Counter(affix for fits in found for affix in {fit.affix for fit in fits})
    commonest = max(affixes, key=lambda each: (affixes[each], -len(each)), default="")
    return _sole([[fit for fit in fits if fit.affix == commonest] for fits in found])


def _sole(found: Sequence[Sequence[Fit]]) -> Matched:
    """Sort out the reports that fit one open message, or messages of one id that have ended."""
    sole: list[Fit] = []
    ambiguous = 0
    for fits in found:
        exact = [fit for fit in fits if fit.ours == fit.report.provider_message_id]
        rest = exact or fits
        rest = [fit for fit in rest if fit.open] or rest
        if not rest:
            continue
        several = len({fit.message_id for fit in rest}) > 1 and rest[0].open
        if several or len({fit.ours for fit in rest}) > 1:
            ambiguous += 1
        else:
            sole.append(max(rest, key=lambda fit: fit.message_id))
    return Matched(sole, ambiguous)


def forget(db: Database, rows: Sequence[int]) -> None:
    """Delete kept reports by their rows."""
    db.execute(f"delete from unmatched where id in ({marks(rows)})", rows)


def _fits(db: Database, provider: str, report: KeptReport, rule: IdRule) -> Iterator[Fit]:
    by_name = dialect_of(db).by_name
    query = (
        "select name, message.message_id, stage, begun_at "
        f"from ({by_name}) as ours join message on message.message_id = ours.message_id"
    )
    for wanted, affix, exactly in _wanted(report.provider_message_id, rule):
        tolerance: Tolerance = "exact" if exactly else "case" if rule == "case" else "zeros"
        for ours, message_id, stage, begun_at in db.execute(query, (provider, same_id(wanted))):
            if (begun_at or 0.0) <= report.at and is_alike(wanted, ours, tolerance):
                yield Fit(report, ours, message_id, stage != Stage.FINISHED, affix)


def _wanted(name: str, rule: IdRule) -> Iterator[tuple[str, str, bool]]:
    """Yield the ids that a message of a report may have, the affix of each, whether exactly so."""
    if len(name) > LONGEST:
        return
    if rule in ("case", "zeros"):
        yield name, "", False
    elif rule == "hex_to_decimal" and name.isascii() and name.isdecimal():
        yield decimal_to_hex(name), "", False
    elif rule == "decimal_to_hex" and (decimal := hex_to_decimal(name)) != name:
        yield decimal, "", False
    elif rule in ("prefix", "suffix"):
        for length in range(1, min(LONGEST_AFFIX, len(name) - SHORTEST) + 1):
            if rule == "prefix":
                yield name[length:], name[:length], True
            else:
                yield name[:-length], name[-length:], True
