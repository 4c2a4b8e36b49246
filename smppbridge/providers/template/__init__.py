"""Any HTTP provider, described in YAML: the form of its requests, the places in its answers.

``sections`` has the keys, ``placeholders`` the names in braces, ``places`` the ways to a value in
an answer (in text, an RE2 expression of ``expressions``), ``written`` requests, ``answered``
outcomes, ``called`` callbacks; ``provider`` joins them.  All is compiled when the provider is made,
and every fault found then is raised at once.
"""
