"""Counts of each load: how much was rejected, which kinds were rejected entirely, and whether as much arrived as
usual."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import Severity, no_rows

MIN_RECORDS = 20  # below it, one bad record is a large share


def expectations(batch: Batch) -> list[Expectation]:
    return [
        _rejected_share("warn", 0.01),
        _rejected_share("fail", 0.20),
        no_rows(
            "no kind of record was rejected as a whole",
            "select resource, rejected_kinds from {batch} as new_loads where rejected_kinds is not null",
            "warn",
        ),
        no_rows(
            "no resource brought more than 20 times its usual number of records",
            f"""
            with usual as (
                select resource, median(received) as received from {batch.relation}
                where not ({batch.is_new_sql}) and received > 0 group by resource having count(*) >= 3
            )
            select resource, new_loads.received, usual.received as usual_received
            from {{batch}} as new_loads join usual using (resource)
            where new_loads.received > 20 * usual.received and new_loads.received > 1000
            """,
            "warn",
        ),
        no_rows(
            "no resource went silent that brought records in each of the last 5 loads",
            f"""
            with earlier as (
                select resource, received from {batch.relation} where not ({batch.is_new_sql})
                qualify row_number() over (partition by resource order by finished_at desc) <= 5
            ),
            regular as (
                select resource from earlier group by resource having count(*) = 5 and min(received) > 0
            )
            select resource, sum(received) as received from {{batch}} as new_loads join regular using (resource)
            group by resource having sum(received) = 0
            """,
            "warn",
        ),
    ]


def _rejected_share(severity: Severity, share: float) -> Expectation:
    return no_rows(
        f"at most {share:.0%} of a resource's records are rejected",
        f"""
        select resource, sum(received) as received, sum(rejected) as rejected
        from {{batch}} as new_loads group by resource
        having sum(received) >= {MIN_RECORDS} and sum(rejected) > {share} * sum(received)
        """,
        severity,
    )
