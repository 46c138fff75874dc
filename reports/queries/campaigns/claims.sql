with
    claims as (
        select
            platform,
            claimed_event,
            attribution_window,
            sum(claimed_conversion_count) as claimed,
            sum(credited_conversion_count) as credited
        from marts.platform_claims
        where credited_conversion_count is not null
        group by all
    )

select
    platform,
    replace(platform, '_', ' ')
    || ': '
    || replace(claimed_event, '_', ' ')
    || ', '
    || replace(attribution_window, '_', ' ') as claim,
    claimed,
    credited,
    claimed / nullif(credited, 0) as over_claim_ratio
from claims
order by platform, claim
