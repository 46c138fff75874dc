"""Suites of the Meta Ads tables."""
