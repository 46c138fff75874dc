select
    authority.lifecycle_model_label_en || ' – ' || derived.lifecycle_model_label_en as models_en,
    authority.lifecycle_model_label_fr || ' – ' || derived.lifecycle_model_label_fr as models_fr,
    count(*) as people,
    count(*) filter (where agreement.is_agreed) as agreed_count,
    count(*) filter (where agreement.is_agreed) / count(*) as agreed_rate
from marts.lifecycle_agreement as agreement
inner join
    (
        select distinct lifecycle_model, lifecycle_model_label_en, lifecycle_model_label_fr from marts.lifecycle_stages
    ) as authority
    on authority.lifecycle_model = agreement.authority_model
inner join
    (
        select distinct lifecycle_model, lifecycle_model_label_en, lifecycle_model_label_fr from marts.lifecycle_stages
    ) as derived
    on derived.lifecycle_model = agreement.derived_model
group by all
order by agreed_rate desc, models_en
