"""Message -> providers in order, MO message -> account: which rule of the configuration it meets.

Says where a message may go, never whether the provider is up, has room or can carry it: that is for
the lanes and the relay to know. Pure; may import model.
"""
