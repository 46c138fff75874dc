"""Suites of the HubSpot tables."""
