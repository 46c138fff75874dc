"""What runs Spark and speaks to it: processes, the Thrift server, and tables that cross between DuckDB and Spark."""
