"""Two ends of one SMPP session talk to each other: no socket, no clock, no thread.

An ESME binds, submits a message and gets its receipt. Run it with
``python -m smppbridge.docs.examples.smpp_session``.
"""

from __future__ import annotations

from smppbridge.smpp import Answered, CommandStatus, Role, Session, pdus, receipt

now = 0.0  # seconds of a clock that never steps back; yours would be time.monotonic()
esme = Session(Role.ESME, now)
smsc = Session(Role.SMSC, now)


def esme_hears(event: object) -> None:
    """Show each answer; acknowledge each receipt."""
    if isinstance(event, Answered):
        status = CommandStatus(event.response.command_status).name
        print(f"esme: {event.about} was answered {status}")
    elif isinstance(event, pdus.DeliverSm):
        said = receipt.parse(event)
        if said is not None and said.state is not None:
            print(f"esme: message {said.message_id} is {said.state.name}")
        esme.answer(pdus.DeliverSmResp(CommandStatus.ESME_ROK, event.sequence_number))


def smsc_hears(event: object) -> None:
    """Let one ESME in; accept its messages, and report each as delivered."""
    if isinstance(event, pdus.Bind):
        if event.password == b"secret":
            smsc.accept_bind(event, b"SMSC", now)
        else:
            smsc.refuse_bind(event, CommandStatus.ESME_RINVPASWD)
    elif isinstance(event, pdus.SubmitSm):
        print(f"smsc: {event.short_message!r} to {event.destination_addr.decode()}")
        smsc.answer(pdus.SubmitSmResp(CommandStatus.ESME_ROK, event.sequence_number, b"1001"))
        told = receipt.receipt_text(b"1001", 0.0, 60.0, state=2, text="Hello")
        smsc.ask(pdus.DeliverSm(esm_class=0x04, short_message=told), "the receipt", now)
    elif isinstance(event, Answered):
        print(f"smsc: {event.about} was acknowledged")


def talk() -> None:
    """Carry octets between the two sessions until both are silent."""
    while True:
        to_smsc, to_esme = esme.octets_to_send(), smsc.octets_to_send()
        if not (to_smsc or to_esme):
            return
        for event in smsc.receive(to_smsc, now):
            smsc_hears(event)
        for event in esme.receive(to_esme, now):
            esme_hears(event)


esme.ask(pdus.BindTransceiver(system_id=b"bank", password=b"secret"), "the bind", now)
talk()
message = pdus.SubmitSm(
    source_addr=b"BANK",
    source_addr_ton=5,
    destination_addr=b"243810000001",
    registered_delivery=1,
    short_message=b"Hello",
)
esme.ask(message, "the message", now)
talk()
esme.unbind(now, "done")
talk()
print(f"both ends are {esme.state.name} and {smsc.state.name}")
