"""Suites of the respond.io tables."""
