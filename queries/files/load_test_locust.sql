-- Locust's history by difference: rows that stand for the requests counted since the row before of the same endpoint.
-- The rows named Aggregated are read only where the file has no others. A count that falls was reset and counts itself.
with
    history as (
        select json_transform(to_json(given), '{
            "__line": "BIGINT", "Timestamp": "VARCHAR", "Type": "VARCHAR", "Name": "VARCHAR",
            "Total Request Count": "DOUBLE", "Total Failure Count": "DOUBLE"}') as h
        from read_csv($file, header = true, all_varchar = true, delim = $delimiter, quote = '"', escape = '"',
            comment = '', skip = 0) as given
    ),
    counts as (
        select
            h.__line as line,
            case when regexp_full_match(h."Timestamp", '\d{10}') then make_timestamptz(try_cast(h."Timestamp" as bigint) * 1000000)
                end as "time",
            nullif(h."Type", '') as method,
            h."Name" as name,
            h."Total Request Count" as asked,
            h."Total Failure Count" as failed,
            h."Name" = 'Aggregated' and coalesce(h."Type", '') in ('', 'None', 'Aggregated') as is_total,
            md5(cast(row(h."Timestamp", h."Type", h."Name", h."Total Request Count", h."Total Failure Count") as varchar))
                as row_hash
        from history
    ),
    endpoints as (
        select *, bool_and(is_total) over () as has_totals_only from counts
    ),
    steps as (
        select
            *,
            lag(asked) over before as asked_before,
            lag(failed) over before as failed_before
        from endpoints
        where has_totals_only or not is_total
        window before as (partition by method, name order by "time", asked, line)
    ),
    grown as (
        select
            *,
            case when asked < asked_before then asked else asked - coalesce(asked_before, 0) end as new_asked,
            case when asked < asked_before then failed else failed - coalesce(failed_before, 0) end as new_failed
        from steps
    ),
    outcomes as (
        select *, true as is_failed, new_failed as weight from grown
        union all
        select *, false as is_failed, new_asked - new_failed as weight from grown
    )
select
    line,
    row_hash || case when is_failed then 'f' else 'g' end as row_hash,
    1 as ordinal,
    "time",
    cast(null as double) as duration_ms,
    true as is_untimed,
    weight,
    method,
    case when not is_total then name end as target,
    name as url,
    cast(null as varchar) as status_code,
    is_failed
from outcomes
-- a row without numbers stays, so that it is set aside by name
where weight is null or weight > 0
