"""What must survive: messages, segments, attempts, reports, deliveries and opt-outs, on disk.

``port`` says the verbs and is pure; ``sqlite`` keeps them in one file with one writer thread;
``records`` and ``mo`` turn rows into values and back; ``migrate`` brings a file up to date;
``lookup`` and ``optouts`` are for people, beside a running bridge.  Verbs take lists and become
durable together: everything told since the last commit goes into one transaction.  It never decides
anything about a message.
"""
