"""What is said of a failure in Spark: its own sentence, of the pages that a server in Java sends."""

from __future__ import annotations

import pytest

from cluster.thrift import _of_spark, in_its_own_words

# As Spark 4.3 and dbt-spark 1.11 have said it, with fewer calls.
OF_A_MODEL = """Runtime Error in model dim_persons (models/core/dim_persons.sql)
  Database Error
    org.apache.hive.service.cli.HiveSQLException: Error running query: [LOCATION_ALREADY_EXISTS] \
org.apache.spark.SparkRuntimeException: [LOCATION_ALREADY_EXISTS] Cannot name the managed table as \
`spark_catalog`.`core`.`dim_persons`, as its associated location 'file:/data/core.db/dim_persons' already exists. \
Please pick a different table name, or remove the existing location first. SQLSTATE: 42710
    \tat org.apache.spark.sql.hive.thriftserver.HiveThriftServerErrors$.runningQueryError(Errors.scala:43)
    \tat java.base/java.lang.Thread.run(Thread.java:840)
"""
OF_A_STATEMENT = (
    "Error running query: [TABLE_OR_VIEW_NOT_FOUND] org.apache.spark.sql.catalyst.ExtendedAnalysisException: "
    "[TABLE_OR_VIEW_NOT_FOUND] The table or view `core`.`nothing` cannot be found. Verify the spelling. "
    "SQLSTATE: 42P01; line 1 pos 14;\n'Project [*]\n+- 'UnresolvedRelation [core, nothing]"
)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            OF_A_MODEL,
            "Runtime Error in model dim_persons (models/core/dim_persons.sql)\n  Database Error\n"
            "    [LOCATION_ALREADY_EXISTS] Cannot name the managed table as `spark_catalog`.`core`.`dim_persons`, as "
            "its associated location 'file:/data/core.db/dim_persons' already exists. Please pick a different table "
            "name, or remove the existing location first.",
        ),
        (
            OF_A_STATEMENT,
            "[TABLE_OR_VIEW_NOT_FOUND] The table or view `core`.`nothing` cannot be found. Verify the spelling.",
        ),
        (
            "Error running query: org.apache.spark.SparkException: Job aborted.\n\tat java.lang.Thread.run(T.java)",
            "Job aborted.",
        ),
        ("Binder Error: no column;\n  at the end", "Binder Error: no column;\n  at the end"),
    ],
)
def test_spark_is_told_by_its_sentence_and_others_as_they_are(said: str, told: str) -> None:
    assert in_its_own_words(said) == told


@pytest.mark.parametrize("of_the_server", ["Error running query: ", ""])
def test_a_failed_statement_is_told_by_its_sentence_whatever_the_server_adds(of_the_server: str) -> None:
    said = of_the_server + OF_A_STATEMENT.removeprefix("Error running query: ")

    assert _of_spark(RuntimeError(said)).startswith("[TABLE_OR_VIEW_NOT_FOUND] The table or view")
    assert _of_spark(RuntimeError(said)).endswith("Verify the spelling.")
