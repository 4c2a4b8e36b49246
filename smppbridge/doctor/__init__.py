"""The examination of a machine and of all that the bridge on the machine needs, for `doctor`.

Each module examines one kind of thing and returns diagnoses: good, look (worth a look) or fault,
in words and with advice.  No examination sends a message, binds at an upstream, or changes a file
of the bridge's; a diagnosis holds no secret.  May import all but ``docs``; of ``cli``
only ``blocking`` and ``bridge_client``.
"""
