"""mo: an MO message goes to the account that owns its destination; opt-outs are recorded.

receive -> routed -> record .disk. -> deliver
        -> no account: counted, logged, dropped: the provider would repeat the message for ever
        -> opt-out -> record .disk. -> accept refuses
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from smppbridge.model.account import Account
from smppbridge.model.address import Address, source_address
from smppbridge.model.identifiers import Identifiers, reference_of
from smppbridge.model.masking import masked
from smppbridge.model.mo import Mo, OptOut
from smppbridge.model.notes import Unmatched
from smppbridge.model.reasons import Reason
from smppbridge.model.report import Delivery, MoContent
from smppbridge.relay.accept.optouts import Optouts
from smppbridge.relay.ports import Around
from smppbridge.relay.surplus import surplus
from smppbridge.routing.mo import MoTable, keyword_of
from smppbridge.smpp.constants import EsmClass
from smppbridge.store.port import MoEntry
from smppbridge.text import coding, national
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import BadUdh, TooLong, Undecodable, Unencodable
from smppbridge.text.national import shift_in
from smppbridge.text.packed import pack
from smppbridge.text.segments import Position, Transport, position_in_udh, split

MOST_REMEMBERED = 10_000  # of each kind, in memory
_LONGEST_NUMBER = 15  # digits (E.164)
_EIGHT = 8  # the data_coding of what has every character
_MOST_OCTETS = 65_535  # of a TLV
_LONGEST_ADDRESS = 20  # SMPP 3.4, 4.6.1: 21 with the NUL
_LONGEST_ID = 255
_RECEIPT = EsmClass.RECEIPT | EsmClass.INTERMEDIATE


class MoStore(Protocol):
    """The verbs that mo calls."""

    def keep_mos(self, entries: Sequence[MoEntry]) -> Awaitable[set[int]]:
        """Write MO messages and their deliveries; return the message_ids of the new MO messages.

        An MO message whose provider, provider_message_id and segment are known is not written.
        """

    def keep_optouts(self, optouts: Sequence[tuple[str, str, float]]) -> Awaitable[None]:
        """Write opt-outs: (provider, number, UNIX seconds)."""

    def ended_optouts(self) -> Awaitable[list[tuple[str, str]]]:
        """Return the opt-outs that a person has ended, each once: (provider, number)."""


class MoMessages:
    """Records MO messages and opt-outs; *owe* receives deliveries when they are durable.

    Deliveries are owed for *keep* seconds.  An MO message older than *remember* seconds is dropped:
    it may have been delivered and forgotten since.  Only MoMessages adds and drops opt-outs.
    """

    def __init__(
        self,
        store: MoStore,
        owe: Callable[[Sequence[Delivery]], None],
        optouts: Optouts,
        *,
        identifiers: Identifiers,
        keep: float,
        remember: float,
        every_fate: bool,
        around: Around,
    ) -> None:
        self._store, self._owe, self._optouts = store, owe, optouts
        self._identifiers, self._keep, self._remember = identifiers, keep, remember
        self._every_fate = every_fate
        self._clock, self._meters, self._journal = around.clock, around.meters, around.journal
        self._led, self._dropped, self._notes = _Recent(), _Recent(), around.notes
        self.change(MoTable(), {})

    def change(self, table: MoTable, accounts: Mapping[str, Account]) -> None:
        """Go by other rules and accounts from now on."""
        self._table, self._accounts = table, accounts

    async def receive(self, provider: str, received: Sequence[Mo | OptOut]) -> None:
        """Record MO messages and opt-outs; return when they are on disk.  Raises StoreFailure."""
        mos = [each for each in received if isinstance(each, Mo)]
        numbers = [each.number for each in received if isinstance(each, OptOut)]
        if mos:
            await self._messages(provider, mos)
        if numbers:
            await self._opted_out(provider, numbers)

    # -- messages -------------------------------------------------------------------------------

    async def _messages(self, provider: str, mos: Sequence[Mo]) -> None:
        now = self._clock.wall()
        counts: Counter[str] = Counter()
        entries = []
        for mo in mos:
            entry = self._judge(provider, mo, now)
            if isinstance(entry, str):
                counts[entry] += 1
            else:
                entries.append(entry)
        fresh = await self._store.keep_mos(entries) if entries else set()
        new = [entry for entry in entries if entry.message_id in fresh]
        counts["owed"], counts["repeated"] = len(new), len(entries) - len(new)
        for outcome, count in counts.items():
            if count:
                self._meters.mo(provider, outcome, count)
        self._owe([delivery for entry in new for delivery in entry.deliveries])
        if self._every_fate:
            self._log(new)

    def _judge(self, provider: str, mo: Mo, now: float) -> MoEntry | str:
        """Return an MO message's entry for the store, or the reason why the message is dropped."""
        if mo.received_at is not None and mo.received_at < now - self._remember:
            self._drop("mo_outdated", provider, mo, Reason.OUTDATED)
            return "outdated"
        source, destination = address_of(mo.source), address_of(mo.destination)
        position, keyword = heading(mo)
        way = provider, source.addr, destination.addr
        account = self._accounts.get(self._owner(way, position, keyword) or "")
        if account is None:
            self._drop("mo_unrouted", provider, mo, Reason.NO_OWNER)
            return "unrouted"
        message_id = self._identifiers.take()
        reference, packed = reference_of(message_id), account.packed
        found = contents(mo, account.alphabet_0, reference, account.alphabet_8, packed=packed)
        if not found:
            self._drop("mo_too_long", provider, mo, Reason.MO_TOO_LONG)
            return "too_long"
        first = Delivery(
            message_id,
            message_id,
            account.system_id,
            source,
            destination,
            state=0,
            error=0,
            submitted_at=now,
            done_at=now,
            due=now,
            expires_at=now + self._keep,
            content=found[0],
        )
        others = [
            replace(first, message_id=self._identifiers.take(), content=content)
            for content in found[1:]
        ]
        number = position.number if position else 1
        return MoEntry(provider, shown_id(mo.provider_message_id), number, [first, *others])

    def _owner(
        self, way: tuple[str, str, str], position: Position | None, keyword: str
    ) -> str | None:
        """Return the account of an MO message: later segments follow the first, and its keyword.

        *way* is the provider, the source and the destination address.
        """
        provider, _, destination = way
        owner = self._table.account(provider, destination, keyword)
        if position is None:
            return owner
        same = *way, position.reference, position.total
        if position.number > 1:
            return self._led.get(same, owner)
        if owner:
            self._led[same] = owner
        return owner

    def _log(self, entries: Iterable[MoEntry]) -> None:
        for entry in entries:
            first = entry.deliveries[0]
            self._journal(
                "mo_owed",
                message_id=first.message_id,
                system_id=first.system_id,
                source_addr=first.source,
                destination=first.destination,
                provider=entry.provider,
                provider_message_id=entry.provider_message_id,
                segments=len(entry.deliveries),
            )

    def _drop(self, event: str, provider: str, mo: Mo, reason: Reason) -> None:
        """Log and note an MO message that is dropped, once: a pull returns it again and again."""
        name = provider, shown_id(mo.provider_message_id)
        self._notes.reason(reason.value, provider, first=False, others=False)
        if mo.provider_message_id and name in self._dropped:
            return
        self._dropped[name] = event
        source, destination = masked(mo.source), masked(mo.destination)
        at, shown = self._clock.wall(), shown_id(mo.provider_message_id)
        self._notes.unmatched(
            Unmatched(
                at, "mo", provider, shown, reason.value, source=source, destination=destination
            )
        )
        self._journal(
            event,
            provider=provider,
            provider_message_id=mo.provider_message_id,
            source_addr=mo.source,
            destination=mo.destination,
        )

    # -- opt-outs -------------------------------------------------------------------------------

    async def _opted_out(self, provider: str, numbers: Sequence[str]) -> None:
        now = self._clock.wall()
        good = [n for n in numbers if n.isascii() and n.isdecimal() and len(n) <= _LONGEST_NUMBER]
        if not good:
            return
        await self._store.keep_optouts([(provider, number, now) for number in good])
        was_full = self._optouts.full
        for number in good:
            self._optouts.add(provider, number)
        self._meters.opted_out(provider, len(good))
        if self._optouts.full and not was_full:
            self._journal("optouts_full", count=len(self._optouts))

    def learn(self, optouts: Iterable[tuple[str, str]]) -> None:
        """Add opt-outs that the store has: another bridge may have received them."""
        for provider, number in optouts:
            self._optouts.add(provider, number)

    async def take_back(self) -> None:
        """Drop the opt-outs that an operator ended."""
        for provider, number in await self._store.ended_optouts():
            self._optouts.drop(provider, number)
            self._journal("optout_ended_by_hand", provider=provider, number=number)


class _Recent(dict[Hashable, str]):
    """The newest keys and values: the oldest key makes room for the newest."""

    def __setitem__(self, key: Hashable, value: str) -> None:
        self.pop(key, None)
        super().__setitem__(key, value)
        for oldest in surplus(self, MOST_REMEMBERED):
            del self[oldest]


def contents(
    mo: Mo, alphabet_0: str, reference: int, alphabet_8: str = "ucs2", *, packed: bool = False
) -> list[MoContent]:
    """Return the contents of an MO message's deliver_sm; none if message_payload is too small.

    Text is coded as an account reads data_coding 0 (*alphabet_0*), or, where that lacks a
    character, data_coding 8 (*alphabet_8*, which lacks none).  *reference* is common to its
    segments (8 bits).  *packed* is whether septets stand eight in seven octets.
    """
    if mo.octets is not None:  # marked as a receipt it would be read as one
        found = [MoContent(mo.octets, mo.data_coding & 0xFF, mo.esm_class & 0xFF & ~_RECEIPT)]
    else:
        found = _of_text(_sound(mo.text), Alphabet(alphabet_0), Alphabet(alphabet_8), reference)
    if packed:
        found = [_packed(each, Alphabet(alphabet_8)) for each in found]
    return found if all(len(each.octets) <= _MOST_OCTETS for each in found) else []


def _of_text(text: str, alphabet: Alphabet, fallback: Alphabet, reference: int) -> list[MoContent]:
    data_coding = 0
    try:
        octets = coding.octets(text, alphabet)
    except Unencodable:
        alphabet, data_coding = fallback, _EIGHT
        octets = coding.octets(text, alphabet)
    try:
        segments = split(octets, alphabet, Transport.UDH8, reference)
    except TooLong:
        return [MoContent(octets, data_coding)]
    return [
        MoContent(each.short_message, data_coding, EsmClass.UDHI if each.udh else 0)
        for each in segments
    ]


def _packed(content: MoContent, fallback: Alphabet) -> MoContent:
    """Return the content of a deliver_sm with its septets packed, if its octets are septets.

    Octets that a provider gave under data_coding 0 and that are no septets are read as Latin-1; a
    text that GSM 03.38 lacks takes data_coding 8 (*fallback*).
    """
    octets, data_coding, esm_class = content.octets, content.data_coding, content.esm_class
    if not coding.says_default(data_coding):
        return content
    length = 1 + octets[0] if esm_class & EsmClass.UDHI and octets else 0
    header, septets = octets[:length], octets[length:]
    if not septets.isascii():
        text = coding.characters(septets, Alphabet.GSM7)
        try:
            septets = coding.octets(text, Alphabet.GSM7)
        except Unencodable:
            return MoContent(header + coding.octets(text, fallback), _EIGHT, esm_class)
    return MoContent(header + pack(septets, length), data_coding, esm_class)


def heading(mo: Mo) -> tuple[Position | None, str]:
    """Return the position of an MO segment, if there is a position, and a text's keyword."""
    if mo.octets is None:
        return None, keyword_of(mo.text)
    position, udh, octets = None, b"", mo.octets
    if mo.esm_class & EsmClass.UDHI:
        try:
            position, udh, octets = position_in_udh(octets)
        except BadUdh:
            return None, ""
    if position is not None and position.number > 1:
        return position, ""
    alphabet = coding.alphabet(mo.data_coding & 0xFF)
    try:
        return position, keyword_of(national.characters(octets, alphabet, shift_in(udh)[0]))
    except Undecodable:
        return position, ""


def address_of(number: str) -> Address:
    """Return an address with its TON and NPI, however a provider writes the address."""
    addr = number.removeprefix("+")[:_LONGEST_ADDRESS]
    addr = "".join(each if " " <= each <= "~" else "?" for each in addr)
    return source_address(addr) if addr else Address("")


def shown_id(provider_message_id: str) -> str:
    """Return a provider_message_id that the store can record, whatever its characters; bounded."""
    return _sound(provider_message_id[:_LONGEST_ID])


def _sound(text: str) -> str:
    """Return a text whose surrogates are in pairs, or U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
