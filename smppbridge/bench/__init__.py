"""Measurements of this machine: the bridge, a load and a provider as processes of their own.

Everything is on loopback and bounded in count and time; stores are put into a folder of their own,
which is removed at the end.  Figures come out, no verdicts.  The package may import all; the bridge
itself never imports the package.
"""
