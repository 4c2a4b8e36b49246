"""What this machine can do: the bridge, a load and a provider as processes of their own, measured.

Everything is on loopback and bounded in count and time; stores are put into a folder of their own
and go with it.  Figures come out, no verdicts.  May import all; the bridge itself never imports it.
"""
