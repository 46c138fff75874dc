with
    accounts as (select * from {{ ref("int_accounts__unioned") }}),

    final as (select account_id, account_name, parent_account_id, domain, industry, country, created_at from accounts)

select *
from final
