"""One server a sink that only listens: what it accepts, and what it refuses, of what it is told.

Belongs here: what a vendor's documentation describes. Does not: the vendors that are read too, HubSpot and respond.io,
whose servers take what they are told themselves (`sandbox/servers/`).

A module is a server, named as the sink that is told.
"""

from pkgutil import iter_modules

SINKS = tuple(sorted(module.name for module in iter_modules(__path__)))
