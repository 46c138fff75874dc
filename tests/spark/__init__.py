"""Tests on a real Spark: what no machine without Java can see, and what takes minutes.

Belongs here: the cluster itself, and that both engines build the same. Does not: what can be seen without Spark, which
unit tests hold. `make test-spark` runs them; they start clusters of their own, on ports that are free.
"""
