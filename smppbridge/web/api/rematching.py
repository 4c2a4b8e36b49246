"""rematching: how a provider's reports write ids, found out, tried, and put to use once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

from pydantic import Field

from smppbridge.model.report import Report
from smppbridge.relay.report.rematch import Renamed
from smppbridge.smpp.constants import MessageState
from smppbridge.store import matching
from smppbridge.store.matching import RULES, Fit, IdRule, KeptReport, Matched
from smppbridge.store.port import StoreFailure
from smppbridge.web.api.ports import read, write
from smppbridge.web.api.shapes import MessageId, Name
from smppbridge.web.keyring import OPERATOR, VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest, Sent
from smppbridge.web.problems import RequestRefused

LOOKED_AT = 200
"""Reports, the newest, by which a rule is suggested."""
FEWEST, SHARE = 20, 0.9
"""Reports that there must be, and how many of them a rule must fit, to be suggested."""
AT_ONCE, MOST = 500, 20_000
"""Reports in one step, and in one request."""
_EXAMPLES = 5
_LARGEST = 2**63 - 1
_OF_SMPP: tuple[IdRule, ...] = ("hex_to_decimal", "decimal_to_hex")
_SAYS: dict[IdRule, str] = {
    "case": "Reports write ids in other letter case than the answers.",
    "zeros": "Reports write ids without their leading zeros, or with other ones.",
    "hex_to_decimal": "Answers have ids in hexadecimal, reports in decimal.",
    "decimal_to_hex": "Answers have ids in decimal, reports in hexadecimal.",
    "prefix": "Reports put {affix} before the ids.",
    "suffix": "Reports put {affix} behind the ids.",
}


class SuggestionQuery(Sent):
    """Whose reports."""

    provider: Name


class RuleTrial(Sent):
    """A rule for the ids of a provider's kept reports."""

    provider: Name
    rule: IdRule
    dry_run: bool = Field(default=True, description="Only count")


class FitExample(Answer):
    """A report and the message that it fits."""

    provider_message_id: str = Field(description="As the report has it")
    ours: str = Field(description="As the answer had it")
    message_id: MessageId


class Suggestion(Answer):
    """A rule that makes sense of a provider's kept reports."""

    rule: IdRule
    fits: int
    of: int
    setting: str | None = Field(description="The setting that means it, if one does")
    says: str
    examples: list[FitExample]


class RuleTried(Answer):
    """How many reports a rule fits: one message each, or several."""

    rule: IdRule
    fits: int
    ambiguous: int


class SuggestionAnswer(Answer):
    """What the newest kept reports of a provider say about its ids."""

    provider: str
    reports: int = Field(description="How many were looked at")
    suggestion: Suggestion | None = Field(
        description=f"Only with {FEWEST} reports, of which it fits {SHARE:.0%}, none ambiguously"
    )
    tried: list[RuleTried]


class TrialAnswer(Answer):
    """What a rule makes of a provider's kept reports."""

    reports: int = Field(description=f"The newest, at most {MOST}")
    fits: int = Field(description="Reports that fit one message each")
    ambiguous: int = Field(description="That fit several: they stay")
    ended: int = Field(description="Fitting reports whose message has ended: they change nothing")
    settled: int = Field(description="Reports that were settled; 0 in a dry run")
    examples: list[FitExample]


@API.operation(
    "GET",
    "/unmatched/suggestion",
    VIEWER,
    query=SuggestionQuery,
    returns=SuggestionAnswer,
    refusals=(404, 503, 504),
)
async def suggest_rule(call: ApiRequest) -> SuggestionAnswer:
    """How a provider's reports seem to write ids, by those that match nothing."""
    provider = _known(call, call.query.provider)
    reports = await read(call, lambda db: matching.kept(db, provider, LOOKED_AT))
    found: dict[IdRule, Matched] = {}
    for rule in RULES:  # one question each, for each has its time
        asked = partial(matching.matched, provider=provider, reports=reports, rule=rule)
        found[rule] = await read(call, asked)
    good = (rule for rule in RULES if _is_good(found[rule], len(reports)))
    rule_found = next(good, None)
    return SuggestionAnswer(
        provider=provider,
        reports=len(reports),
        suggestion=None
        if rule_found is None
        else _suggestion(call, provider, rule_found, found[rule_found].fits, len(reports)),
        tried=[
            RuleTried(rule=rule, fits=len(each.fits), ambiguous=each.ambiguous)
            for rule, each in found.items()
        ],
    )


@API.operation(
    "POST",
    "/unmatched/try",
    OPERATOR,
    body=RuleTrial,
    returns=TrialAnswer,
    refusals=(404, 503, 504),
)
async def try_rule(call: ApiRequest) -> TrialAnswer:
    """Count what a rule would make of a provider's kept reports; or settle their messages."""
    body: RuleTrial = call.body
    provider = _known(call, body.provider)
    reports = ambiguous = ended = settled = 0
    fits: list[Fit] = []
    async for piece in _pieces(call, provider):
        asked = partial(matching.matched, provider=provider, reports=piece, rule=body.rule)
        found: Matched = await read(call, asked)
        reports += len(piece)
        ambiguous += found.ambiguous
        ended += sum(not fit.open for fit in found.fits)
        fits += found.fits
        if not body.dry_run:
            settled += await _settle(call, provider, found.fits)
    return TrialAnswer(
        reports=reports,
        fits=len(fits),
        ambiguous=ambiguous,
        ended=ended,
        settled=settled,
        examples=_examples(fits),
    )


async def _pieces(call: ApiRequest, provider: str) -> AsyncIterator[list[KeptReport]]:
    """Yield the kept reports of a provider in lists, the newest first."""
    before: int | None = None
    for _ in range(0, MOST, AT_ONCE):
        asked = partial(matching.kept, provider=provider, limit=AT_ONCE, before=before)
        piece: list[KeptReport] = await read(call, asked)
        if piece:
            yield piece
        rows = [report.row for report in piece if report.row]
        if len(piece) < AT_ONCE:
            return
        before = min(rows, default=_LARGEST)


async def _settle(call: ApiRequest, provider: str, fits: Sequence[Fit]) -> int:
    """Settle the messages of reports, and forget the reports; return how many are settled.

    The reports of messages that have ended are forgotten too.
    """
    open_ = sorted((fit for fit in fits if fit.open), key=lambda fit: fit.report.at)
    renamed = [_renamed(provider, fit) for fit in open_]
    if renamed:
        try:
            await call.ports.relay.rematch.settle(provider, renamed)
        except StoreFailure:
            raise RequestRefused(503, "the store cannot be written now") from None
    if rows := [fit.report.row for fit in fits if fit.report.row]:
        await write(call, lambda db: matching.forget(db, rows))
    return len(renamed)


def _renamed(provider: str, fit: Fit) -> Renamed:
    kept = fit.report
    report = Report(
        fit.ours,
        MessageState(kept.state),
        kept.error,
        done_at=kept.at if kept.done_at is None else kept.done_at,
    )
    early = None if kept.row else (provider, kept.provider_message_id, kept.at)
    return Renamed(report, early)


def _known(call: ApiRequest, provider: str) -> str:
    if provider not in call.ports.lanes.by_name:
        raise RequestRefused(404, "there is no such provider")
    return provider


def _is_good(found: Matched, reports: int) -> bool:
    return not found.ambiguous and reports >= FEWEST and len(found.fits) >= SHARE * reports


def _suggestion(
    call: ApiRequest, provider: str, rule: IdRule, fits: Sequence[Fit], reports: int
) -> Suggestion:
    has_setting = rule in ("case", "zeros") or (
        rule in _OF_SMPP and call.ports.types().get(provider) == "smpp"
    )
    return Suggestion(
        rule=rule,
        fits=len(fits),
        of=reports,
        setting=f"providers.{provider}.ids: {rule}" if has_setting else None,
        says=_SAYS[rule].format(affix=fits[0].affix),
        examples=_examples(fits),
    )


def _examples(fits: Sequence[Fit]) -> list[FitExample]:
    return [
        FitExample(
            provider_message_id=fit.report.provider_message_id,
            ours=fit.ours,
            message_id=str(fit.message_id),
        )
        for fit in fits[:_EXAMPLES]
    ]
