"""One server per vendor: its wire format, filters, cursors, limits and errors over the simulated company.

Belongs here: what a vendor's documentation describes. Does not: the company's story, connectors.
"""
