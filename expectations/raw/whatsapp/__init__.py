"""Suites of the WhatsApp tables."""
