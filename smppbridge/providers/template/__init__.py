"""Any HTTP provider, described in YAML: what its requests look like and how its answers are read.

``sections`` has the keys, ``placeholders`` what may stand in braces, ``places`` where something is
in an answer (in text, an RE2 expression of ``expressions``), ``written`` requests, ``answered``
outcomes, ``called`` callbacks; ``provider`` joins them.  All is compiled when the provider is made,
and every fault found then is told at once.
"""
