with
    models as (
        select distinct lifecycle_model, lifecycle_model_label_en as label_en, lifecycle_model_label_fr as label_fr
        from marts.lifecycle_stages
    ),

    main as (select any_value(lifecycle_model) as lifecycle_model from marts.customer_360)

select models.lifecycle_model, models.label_en, models.label_fr
from models
left join main on main.lifecycle_model = models.lifecycle_model
order by main.lifecycle_model nulls last, models.label_en
