"""smppbridge: an SMSC to legacy systems that speak SMPP 3.4, a client to the providers behind it.

The map of the code, from the wire inwards:

    smpp/        SMPP 3.4 as a library: PDUs, sessions, receipts.  No I/O
    text/        characters and octets: GSM 03.38, UCS-2, segments.  No I/O
    model/       what the bridge speaks of: address, message, outcome, report, account
    routing/     message -> providers in order, MO message -> account
    providers/   requests to be made of providers and their answers read.  No I/O
    store/       what must survive, in SQLite
    relay/       the four movements of a message: accept, submit, report, deliver
    net/         octets across: SMPP by Twisted, HTTP by libcurl
    web/         HTTP in: callbacks, health, metrics
    simulators/  programs that play a provider
    settings/    the configuration file
    observe/     logs, metrics, systemd
    service.py   builds the objects, starts and stops them; beside it its parts: movements, wires,
                 service_rules, upkeep, reload, verify
    bench/       measures a machine, for the command of that name
    cli/         the commands

A message comes in at net/smpp_protocol, and goes through relay/accept, relay/submit, relay/report
and relay/deliver, each read from top to bottom.
"""

from importlib.metadata import version

__version__ = version("smppbridge")
