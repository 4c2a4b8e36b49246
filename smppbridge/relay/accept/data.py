"""data: a data_sm is accepted as the submit_sm that says the same (SMPP 3.4, 4.7).

data_sm -> submit_sm -> accept -> submit_sm_resp -> data_sm_resp
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol
from weakref import ReferenceType, WeakKeyDictionary, ref

from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.fields import LONGEST_ADDRESS, Refusal
from smppbridge.relay.accept.intake import Rights, Submitter
from smppbridge.relay.accept.refusals import RefusalLog, addresses_of
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.pdus import DataSm, DataSmResp, Pdu, SubmitSm, SubmitSmResp


class DataSession(Protocol):
    """A session whose data_sm are accepted."""

    rights: Rights
    interface_version: int  # the peer's

    @property
    def gone(self) -> bool:
        """Whether nothing can be sent any more."""

    @property
    def parting(self) -> bool:
        """Whether an unbind is under way."""

    def odd(self, oddity: Oddity) -> None:
        """Count an oddity of the session's client."""

    @property
    def answer(self) -> Callable[[Pdu], None]:
        """Put a response in line."""

    def flush(self) -> None:
        """Write the responses that are in line."""


class Accepting(Protocol):
    """Accepts submit_sm."""

    async def take(self, session: Submitter, pdus: Iterable[SubmitSm], /) -> None:
        """Accept the submit_sm that a session sent at one time."""


class DataSubmitter:
    """A session as Submitter of its data_sm: each submit_sm_resp leaves as a data_sm_resp.

    A session has one, by which Gather knows the segments of the session; it does not keep the
    session alive.
    """

    failure = int(Status.ESME_RDELIVERYFAILURE)

    def __init__(self, session: DataSession) -> None:
        self.rights, self.interface_version = session.rights, session.interface_version
        self._session: ReferenceType[DataSession] = ref(session)

    @property
    def gone(self) -> bool:
        """Whether the session is over."""
        session = self._session()
        return session is None or session.gone

    @property
    def parting(self) -> bool:
        """Whether an unbind is under way."""
        session = self._session()
        return session is not None and session.parting

    def odd(self, oddity: Oddity) -> None:
        """Count an oddity of the session's client."""
        session = self._session()
        if session is not None:
            session.odd(oddity)

    def answer(self, response: SubmitSmResp) -> None:
        """Put a data_sm_resp with the fields of a submit_sm_resp in line."""
        session = self._session()
        if session is not None:
            status, number = response.command_status, response.sequence_number
            session.answer(DataSmResp(status, number, response.message_id))

    def flush(self) -> None:
        """Write the responses that are in line."""
        session = self._session()
        if session is not None:
            session.flush()


class AcceptData:
    """The movement of a data_sm; only it writes which session has which DataSubmitter."""

    def __init__(self, accept: Accepting, refused: RefusalLog) -> None:
        self._accept, self._refused = accept, refused
        self._submitters: WeakKeyDictionary[DataSession, DataSubmitter] = WeakKeyDictionary()

    async def __call__(self, session: DataSession, request: DataSm, /) -> None:
        """Accept a data_sm, or refuse it at once."""
        submitter = self._submitters.get(session)
        if submitter is None:
            submitter = self._submitters[session] = DataSubmitter(session)
        submitter.rights = session.rights  # a reload may have changed them
        try:
            pdu = submit_sm_of(request)
        except Refusal as refusal:
            system_id = session.rights.account.system_id
            self._refused.count(system_id, addresses_of(request), refusal)
            session.answer(DataSmResp(refusal.status, request.sequence_number))
            session.flush()
            return
        await self._accept.take(submitter, [pdu])
        session.flush()


def submit_sm_of(request: DataSm) -> SubmitSm:
    """Return the submit_sm with the fields of a data_sm; its text stays in message_payload.

    Raises Refusal: without message_payload (ESME_RMISSINGOPTPARAM), or if an address is longer than
    a receipt could carry (ESME_RINVSRCADR, ESME_RINVDSTADR).
    """
    if tlvs.find(request.tlvs, Tag.MESSAGE_PAYLOAD) is None:
        raise Refusal(Status.ESME_RMISSINGOPTPARAM, Reason.MISSING_TLV, "message_payload")
    if len(request.source_addr) > LONGEST_ADDRESS:
        raise Refusal(Status.ESME_RINVSRCADR, Reason.BAD_SOURCE, "too long")
    if len(request.destination_addr) > LONGEST_ADDRESS:
        raise Refusal(Status.ESME_RINVDSTADR, Reason.BAD_NUMBER, "too long")
    return SubmitSm(
        sequence_number=request.sequence_number,
        service_type=request.service_type,
        source_addr_ton=request.source_addr_ton,
        source_addr_npi=request.source_addr_npi,
        source_addr=request.source_addr,
        dest_addr_ton=request.dest_addr_ton,
        dest_addr_npi=request.dest_addr_npi,
        destination_addr=request.destination_addr,
        esm_class=request.esm_class,
        registered_delivery=request.registered_delivery,
        data_coding=request.data_coding,
        tlvs=request.tlvs,
    )
