"""Reusable types that `defs.yaml` files make instances of."""
