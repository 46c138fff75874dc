{#-
    Whose hours there are: the company's, with an empty `team_id`, and those of each team that states its own. What a
    team states replaces the company's setting as a whole; what it does not state is the company's.
-#}
{% macro business_hours_teams(business_hours=none) -%}
    {%- set setting = business_hours or var("business_hours") -%}
    {%- set company = {} -%}
    {%- for key in setting if key != "teams" -%} {%- do company.update({key: setting[key]}) -%} {%- endfor -%}
    {%- set teams = [{"team_id": "", "hours": company}] -%}
    {%- set stated = setting.get("teams") or {} -%}
    {%- if stated is not mapping -%}
        {%- do business_hours_error("teams", "names no team", 'write {"3": {time_zone: Asia/Tokyo}}, by the id') -%}
    {%- endif -%}
    {%- for team_id, own in stated.items() -%}
        {%- if not modules.re.fullmatch("[A-Za-z0-9_.:-]+", team_id ~ "") or own is not mapping or not own -%}
            {%- do business_hours_error(
                "teams." ~ team_id,
                "is no team with hours",
                'write the id of a team and what differs, such as "3": {time_zone: Asia/Tokyo}',
            ) -%}
        {%- endif -%}
        {%- set hours = dict(company, **own) -%}
        {%- do teams.append({"team_id": team_id ~ "", "hours": hours}) -%}
    {%- endfor -%}
    {%- for team in teams -%}
        {%- set place = "teams." ~ team.team_id ~ "." if team.team_id else "" -%}
        {%- do team.update({"openings": business_hours_openings(team.hours, place)}) -%}
    {%- endfor -%}
    {{ return(teams) }}
{%- endmacro %}

{#-
    Opening hours of one team or the company, as a list of openings: `day` (0 = Monday), `opens` and `closes` ("HH:MM").
    Refuses a setting that makes no sense, naming the place and the fix, before any SQL runs.
-#}
{% macro business_hours_openings(setting, of="") -%}
    {%- set days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] -%}
    {%- for key in setting if key not in ["time_zone", "weekly", "holidays"] -%}
        {%- do business_hours_error(of ~ key, "is unknown", "write time_zone, weekly or holidays") -%}
    {%- endfor -%}
    {%- if setting.get("time_zone") not in modules.pytz.all_timezones -%}
        {%- do business_hours_error(
            of ~ "time_zone",
            "`" ~ setting.get("time_zone") ~ "` is no IANA time zone",
            "write one such as Europe/Paris",
        ) -%}
    {%- endif -%}
    {%- for holiday in setting.get("holidays") or [] -%}
        {%- set parts = (holiday ~ "").split("-") -%}
        {%- set is_day = modules.re.fullmatch("[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", holiday ~ "") -%}
        {%- if is_day -%}
            {#- The 31st of a shorter month would be a day of the next one. -#}
            {%- set first = modules.datetime.date(parts[0] | int, parts[1] | int, 1) -%}
            {%- set counted = first + modules.datetime.timedelta(days=(parts[2] | int) - 1) -%}
        {%- endif -%}
        {%- if not is_day or counted.month != parts[1] | int -%}
            {%- do business_hours_error(
                of ~ "holidays", "`" ~ holiday ~ "` is no day", 'write days such as "2026-12-25"'
            ) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- set openings = [] -%}
    {%- for day, texts in (setting.get("weekly") or {}).items() -%}
        {%- set place = of ~ "weekly." ~ day -%}
        {%- if day not in days -%}
            {%- do business_hours_error(place, "is no day of the week", "write one of " ~ days | join(", ")) -%}
        {%- endif -%}
        {%- if texts is string or texts is mapping or texts is not iterable -%}
            {%- do business_hours_error(place, "is no list", 'write openings such as ["09:00-18:00"]') -%}
        {%- endif -%}
        {%- set last = namespace(closes="00:00", text=none) -%}
        {%- for text in texts | sort -%}
            {%- if not modules.re.fullmatch(
                "([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)", text ~ ""
            ) -%}
                {%- do business_hours_error(
                    place,
                    "`" ~ text ~ "` is no opening",
                    'write it as "09:00-18:00", at the latest until 24:00',
                ) -%}
            {%- endif -%}
            {%- set opens, closes = text.split("-") -%}
            {%- if closes <= opens -%}
                {%- do business_hours_error(
                    place,
                    "`" ~ text ~ "` closes before it opens",
                    "write until 24:00, and from 00:00 on the day after",
                ) -%}
            {%- endif -%}
            {%- if opens < last.closes -%}
                {%- do business_hours_error(
                    place, "`" ~ last.text ~ "` and `" ~ text ~ "` overlap", "join them, or end one earlier"
                ) -%}
            {%- endif -%}
            {%- set last.closes, last.text = closes, text -%}
            {%- do openings.append({"day": days.index(day), "opens": opens, "closes": closes}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if not openings -%}
        {%- do business_hours_error(of ~ "weekly", "has no opening", 'write one such as monday: ["09:00-18:00"]') -%}
    {%- endif -%}
    {{ return(openings) }}
{%- endmacro %}

{% macro business_hours_error(place, problem, fix) -%}
    {%- do exceptions.raise_compiler_error(
        "dbt_project.yml, vars.business_hours." ~ place ~ ": " ~ problem ~ ". Fix: " ~ fix ~ "."
    ) -%}
{%- endmacro %}

{#-
    The openings of the days of a relation (column `date_day`) as UTC instants: `team_id`, `opened_at`, `closed_at`.
    Each day's clock times become instants using that day's own offset, so that a day on which clocks change has its 23
    or 25 hours. For a clock time that is skipped or shown twice that day, the engine chooses the instant.
-#}
{% macro business_hours_intervals(relation, business_hours=none) -%}
    {%- set next_day = "cast(" ~ dbt.dateadd("day", 1, "date_day") ~ " as date)" -%}
    {%- for team in business_hours_teams(business_hours) -%}
        {%- set is_last_team = loop.last -%}
        {%- for opening in team.openings -%}
            {%- set opens = "(date_day::string || ' " ~ opening.opens ~ ":00')::" ~ timestamp_type() -%}
            {%- if opening.closes == "24:00" -%}
                {%- set closes = "(" ~ next_day ~ "::string || ' 00:00:00')::" ~ timestamp_type() -%}
            {%- else -%} {%- set closes = "(date_day::string || ' " ~ opening.closes ~ ":00')::" ~ timestamp_type() -%}
            {%- endif %}
            select
                '{{ team.team_id }}' as team_id,
                {{ utc_time(opens, team.hours.time_zone) }} as opened_at,
                {{ utc_time(closes, team.hours.time_zone) }} as closed_at
            from {{ relation }}
            where
                {{
                    days_between(
                        dbt.date_trunc("week", "date_day") ~ "::" ~ timestamp_type(),
                        "date_day::" ~ timestamp_type(),
                    )
                }} = {{ opening.day }}
                {%- for holiday in team.hours.holidays or [] %}
                    and date_day <> cast('{{ holiday }}' as date)
                {%- endfor %}
            {%- if not (loop.last and is_last_team) %}
                union all
            {% endif %}
        {%- endfor %}
    {%- endfor %}
{%- endmacro %}

{#-
    Opening microseconds between the start of the calendar and an instant that lies in the row `segment` of
    int_business_hours__accumulated. The business time between two instants is the difference of the two numbers.
-#}
{% macro business_microseconds_until(segment, instant) -%}
    (
        {{ segment }}.open_microseconds_before
        + least({{ microseconds_between(segment ~ ".starts_at", instant) }}, {{ segment }}.open_microseconds)
    )
{%- endmacro %}
