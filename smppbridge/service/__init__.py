"""service: the only place that knows all: it builds a bridge, starts, changes and stops it.

`bridge` starts and stops, `build` constructs, `apply` verifies and reloads settings, `rules` turns
settings into rules of each part, `clockwork` calls what time makes due, `gauges` are read off it.
May import everything but ``cli`` and ``bench``.
"""
