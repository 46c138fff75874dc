"""What goes back out: events of the published outbox, told to ad platforms, HubSpot and respond.io, each once.

Belongs here: the wire form of each sink, the ledger of what was told, the delivery. Does not: what is told and of whom
(dbt, `models/activation/`), settings and the command (`dagster_project/`).
"""
