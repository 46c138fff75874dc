"""Counts of each load: how much was rejected, which kinds were rejected entirely, and whether as much arrived as usual.

A batch is judged, not the sum of history. What is judged of a resource are its loads since the last good one, which
brought records and rejected few: the vendor's shape is as it should be again, and stopping the line does not bring back
what was rejected before. It is named instead, and stops the line only where it is much of all that is known. A load
that brought nothing says nothing, and ends nothing. Records that have been loaded or superseded since do not count.

Days that are read again are judged by the same share, but by themselves: good records of the past neither thin out what
is rejected of the news, nor say that the vendor's shape is as it should be. How many they are is what somebody asked
for, and no measure of what is usual.
"""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import Severity, no_rows

MIN_RECORDS = 20  # below it, one bad record is a large share
STOPS_FROM = 0.20  # of the records rejected
# A spike is what chance would bring in one load of a hundred, were the records those of earlier loads. As if that many
# good ones had come before: of a resource without history, one bad record in three is no news, three in three are.
CHANCE, GOOD_BEFORE = 0.01, 100
ALL_NEWS = "replayed is null and read_again_from is null"  # of a load that read what is new, whatever that may be


def expectations(batch: Batch) -> list[Expectation]:
    return [
        _rejected_share(batch, "warn", 0.01),
        _rejected_share(batch, "fail", STOPS_FROM),
        _no_spike(batch),
        _left_behind(
            batch, "warn", "nothing is left behind of a load that was rejected in large part (make replay)", 0
        ),
        _left_behind(
            batch,
            "fail",
            f"what is left behind is at most {STOPS_FROM:.0%} of all that is known of the resource (make replay)",
            STOPS_FROM,
        ),
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
                where not ({batch.is_new_sql}) and received > 0 and {ALL_NEWS} group by resource having count(*) >= 3
            )
            select resource, new_loads.received, usual.received as usual_received
            from {{batch}} as new_loads join usual using (resource)
            where {ALL_NEWS} and new_loads.received > 20 * usual.received and new_loads.received > 1000
            """,
            "warn",
        ),
        no_rows(
            "no resource went silent that brought records in each of the last 5 loads",
            f"""
            with earlier as (
                select resource, received from {batch.relation} where not ({batch.is_new_sql}) and {ALL_NEWS}
                qualify row_number() over (partition by resource order by finished_at desc) <= 5
            ),
            regular as (
                select resource from earlier group by resource having count(*) = 5 and min(received) > 0
            )
            select resource, sum(received) as received from {{batch}} as new_loads join regular using (resource)
            where {ALL_NEWS} group by resource having sum(received) = 0
            """,
            "warn",
        ),
    ]


def _loads(batch: Batch) -> str:
    """CTE of the loads under judgement that brought something, with what of their records is still rejected."""
    return f"""
        closed as (
            select rejection_id from {batch.schema}.rejection_states
            qualify row_number() over (partition by rejection_id order by number desc) = 1 and state <> 'open'
        ),
        mended as (
            select rejected._dlt_load_id, resource, count(*) as records
            from {batch.schema}.rejected_records as rejected join closed using (rejection_id) group by all
        ),
        loads as (
            select new_loads.resource, {ALL_NEWS} as is_news, new_loads.finished_at, new_loads.received,
                new_loads.rejected as then_rejected,
                greatest(new_loads.rejected - coalesce(mended.records, 0), 0) as rejected
            from {{batch}} as new_loads
            left join mended on mended.resource = new_loads.resource and mended._dlt_load_id = new_loads._dlt_load_id
            where new_loads.received > 0
        ),
        good_again as (
            select resource, max(finished_at) as finished_at from loads
            where is_news and then_rejected <= {STOPS_FROM} * received group by resource
        )
    """


def _rejected_share(batch: Batch, severity: Severity, share: float) -> Expectation:
    since_good = "finished_at >" if severity == "fail" else "finished_at >="
    return no_rows(
        f"at most {share:.0%} of a resource's records are rejected",
        f"""
        with {_loads(batch)}
        select resource, sum(received) as received, sum(rejected) as rejected
        from loads left join good_again using (resource)
        where good_again.finished_at is null or loads.{since_good} good_again.finished_at group by resource, is_news
        having sum(received) >= {MIN_RECORDS} and sum(rejected) > {share} * sum(received)
        """,
        severity,
    )


def _no_spike(batch: Batch) -> Expectation:
    """However few there are: by Fisher's exact test, of the records of these loads and of those before."""

    def ln_choose(n: str, k: str) -> str:
        return f"(lgamma({n} + 1) - lgamma({k} + 1) - lgamma({n} - ({k}) + 1))"

    chance = (
        f"exp({ln_choose('all_rejected', 'x')} + {ln_choose('everything - all_rejected', 'received - x')} "
        f"- {ln_choose('everything', 'received')})"
    )
    return no_rows(
        "no resource rejects more than it usually does, however few its records",
        f"""
        with {_loads(batch)},
        usual as (
            select resource, sum(received) as received, sum(rejected) as rejected from {batch.relation}
            where not ({batch.is_new_sql}) group by resource
        ),
        compared as (
            select now.resource, now.received, now.rejected, coalesce(usual.received, 0) as usual_received,
                coalesce(usual.rejected, 0) as usual_rejected
            from (
                select resource, sum(received) as received, sum(rejected) as rejected from loads
                group by resource, is_news
            ) as now left join usual using (resource)
        ),
        counted as (
            select *, rejected + usual_rejected as all_rejected,
                received + usual_received + {GOOD_BEFORE} as everything
            from compared
            where rejected * (usual_received + {GOOD_BEFORE}) > usual_rejected * received
        ),
        chances as (
            select counted.resource, counted.received, counted.rejected, usual_received, usual_rejected,
                sum({chance}) as chance
            from counted, unnest(range(rejected::bigint, least(received, all_rejected)::bigint + 1)) as t(x)
            group by all
        )
        select resource, received, rejected, usual_received, usual_rejected from chances where chance < {CHANCE}
        """,
        "warn",
    )


def _left_behind(batch: Batch, severity: Severity, sentence: str, share: float) -> Expectation:
    """Records of large rejections before the last good load, that nothing has loaded or superseded since."""
    return no_rows(
        sentence,
        f"""
        with {_loads(batch)},
        left_behind as (
            select loads.resource, sum(loads.rejected) as still_rejected, sum(loads.received) as received
            from loads join good_again using (resource)
            where loads.finished_at < good_again.finished_at and loads.rejected > {STOPS_FROM} * loads.received
            group by loads.resource
        ),
        known as (select resource, sum(loaded) as loaded from {batch.relation} group by resource)
        select resource, still_rejected, received, loaded as ever_loaded from left_behind join known using (resource)
        where received >= {MIN_RECORDS} and still_rejected > {share} * (still_rejected + loaded)
        """,
        severity,
    )
