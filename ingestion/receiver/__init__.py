"""The webhook receiver: takes the events that vendors push, and writes them into the inboxes that the loads read.

Belongs here: what arrives by HTTP, whether it is genuine, and that it is on disk before the vendor is told so. Does
not: what an event means (`sources`), reading an inbox (`inbox`), HTTPS, which is the work of a proxy in front.
"""
