"""Suites of the tables that file mappings fill."""
