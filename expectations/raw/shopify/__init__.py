"""Suites of the Shopify tables."""
