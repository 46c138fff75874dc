"""Suites of the Stripe tables."""
