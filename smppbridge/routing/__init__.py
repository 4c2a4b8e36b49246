"""Message -> providers in order: which rule of the configuration a message falls under.

Says where a message may go, never whether the provider is up, has room or can carry it: that is for
the lanes and the relay to know. Pure; may import model.
"""
