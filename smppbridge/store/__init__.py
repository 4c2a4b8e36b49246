"""What must survive: messages, segments, attempts, reports and deliveries, on disk.

``port`` says the verbs and is pure; ``sqlite`` keeps them in one file with one writer thread;
``records`` turns rows into values and back; ``migrate`` brings a file up to date; ``lookup`` reads
for people.  Verbs take lists and become durable together: everything told since the last commit
goes into one transaction.  It never decides anything about a message.
"""
