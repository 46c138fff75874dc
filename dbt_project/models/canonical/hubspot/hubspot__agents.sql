select owner_id as user_id, email, owner_name as agent_name from {{ ref("stg_hubspot__owners") }}
