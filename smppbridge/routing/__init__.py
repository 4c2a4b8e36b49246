"""Message -> providers in order, MO message -> account: by the rules of the configuration.

A rule names the providers of a message, and quiet hours.  Whether a provider is up, has room or can
carry the message is decided by lanes and relay.  Pure; may import model.
"""
