"""Suites of the tables that every source has."""
