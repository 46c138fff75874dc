"""One server per vendor: its wire format, filters, cursors, limits and errors over the simulated company.

Belongs here: what a vendor's documentation describes. Does not: the company's story, connectors.

A module is a server, named as the source that reads it: adding the module adds the vendor to the company.
"""

from pkgutil import iter_modules

VENDORS = tuple(sorted(module.name for module in iter_modules(__path__) if module.name != "base"))
