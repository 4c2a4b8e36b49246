"""service: the only place that knows all parts of a bridge: builds, starts, changes, stops.

`bridge` starts and stops, `build` constructs, `apply` verifies and reloads settings, `rules` turns
settings into rules of each part, `clockwork` calls acts that are due every so often, `gauges` are
read off the running bridge; `nodes` is for a bridge that is one of several.
May import everything but ``cli`` and ``bench``.
"""
