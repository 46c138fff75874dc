select user_id, email, user_name as agent_name, team_id from {{ ref("stg_respond_io__users") }}
