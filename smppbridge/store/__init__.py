"""The store: messages, segments, attempts, reports, deliveries and opt-outs, on disk.

``port`` is the verbs, and pure; ``sqlite`` carries them out on one file with one writer thread;
``records`` and ``mo`` turn values into rows and back; ``migrate`` brings a file up to date;
``named`` finds the messages that an ESME names again; ``lookup``, ``timeline`` and ``optouts`` are
for people, beside a running bridge.  Verbs are given lists and become durable together: all calls
since the last commit go into one transaction.  The store never decides anything about a message.
"""
