"""One module a sink: its wire form, its limits, and what its answers mean."""
