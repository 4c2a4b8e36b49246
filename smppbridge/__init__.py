"""smppbridge: an SMSC to legacy systems that speak SMPP 3.4, a client to the providers behind it.

The map of the code, from the wire inwards:

    smpp/        SMPP 3.4 as a library: PDUs, sessions, times, receipts.  No I/O
    text/        characters and octets: GSM 03.38 and national tables, UCS-2, segments.  No I/O
    model/       the bridge's nouns: address, message, outcome, report, account with its habits
    routing/     message -> providers in order, quiet hours, MO message -> account
    providers/   requests to be made of providers and their answers read.  No I/O
    store/       all that must survive, in SQLite
    relay/       the movements of a message, a room each: accept (with submit_multi and data_sm),
                 submit, report, deliver; mo, alerts, ussd; query, cancel and replace of a message
                 that an ESME names again
    cdr/         a record of every message at its end, in files, and their reconciliation
    net/         octets across: SMPP by Twisted (with TLS, the PROXY protocol and outbind), HTTP by
                 libcurl
    web/         HTTP in: callbacks, health, metrics, and the API behind its door
    simulators/  programs that play a provider
    tracing/     traffic of both ends, masked, for an operator to read.  No I/O
    settings/    the configuration file, and profiles of clients' stacks
    convert/     configurations of Kannel, opensmppbox and Jasmin, read and converted
    observe/     logs, metrics, systemd
    service/     builds the objects, starts, changes and stops them: the only place that knows all
    doctor/      examines the machine, the running bridge, its providers and its callbacks
    bench/       measures a machine, for the command of that name
    docs/        pages about all this: their tables are made from the code, `help` prints them
    cli/         the commands

A message comes in at net/smpp_protocol, and goes through relay/accept/accept, relay/submit/submit,
relay/report/report and relay/deliver, each read from top to bottom.
"""

from importlib.metadata import version

__version__ = version("smppbridge")
