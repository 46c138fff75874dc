with
    -- Who has no prediction is counted on the page Trust, unless nobody has one.
    bands as (
        select
            no_purchase_risk_band as risk_band,
            no_purchase_risk_band_order as risk_band_order,
            no_purchase_hidden_reason as hidden_reason,
            count(no_purchase_risk_band) over () = 0 as are_all_hidden
        from marts.customer_churn
    )

select risk_band, count(*) as customer_count, any_value(hidden_reason) as hidden_reason
from bands
where risk_band is not null or are_all_hidden
group by risk_band, risk_band_order
order by risk_band_order
