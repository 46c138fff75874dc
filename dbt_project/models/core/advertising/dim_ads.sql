with
    ads as (select * from {{ ref("int_ads__unioned") }}),

    -- Touches know an ad by its id alone: one that two platforms use would stand for both.
    final as (
        select ad_id, ad_account_id, ad_set_id, ad_set_name, ad_name, ad_status
        from ads
        qualify row_number() over (partition by ad_id order by ad_account_id asc nulls last) = 1
    )

select *
from final
