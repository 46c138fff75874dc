select
    {{ as_of() }} as as_of,
    {{ reporting_currency() }} as reporting_currency,
    {{ subscription_cost_rate() }} as subscription_cost_rate
