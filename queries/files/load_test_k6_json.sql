-- The http_req_duration points of k6's JSON output, one row per request.
-- A line that is no metric and no point stops the reading; careful reading has set it aside.
with
    points as (
        select __line as line, "type", metric, "data" as d
        from read_json(
            $file, format = 'newline_delimited', records = true, maximum_object_size = 33554432,
            columns = {
                '__line': 'BIGINT', 'type': 'VARCHAR', 'metric': 'VARCHAR',
                'data': 'STRUCT("time" VARCHAR, "value" VARCHAR, tags JSON)'})
        where case
            when $is_spooled or ("type" in ('Metric', 'Point') and metric is not null) then true
            else error('not a line of k6''s output: ' || coalesce("type", 'no type')) end
    ),
    requests as (
        select
            line,
            d."time" as stamp,
            try_cast(d."value" as double) as duration_ms,
            json_transform(d.tags, '{"method": "VARCHAR", "name": "VARCHAR", "url": "VARCHAR", "status": "VARCHAR",
                "expected_response": "VARCHAR"}') as tags,
            md5(cast(d as varchar)) as row_hash
        from points
        where "type" = 'Point' and metric = 'http_req_duration'
    ),
    timed as (
        select
            *,
            case when regexp_matches(stamp, ':\d\d(\.\d+)?(Z|z|[+-]\d\d:?\d\d)$') then try_cast(stamp as timestamptz) end
                as ended_at
        from requests
    )
select
    line, row_hash,
    row_number() over (partition by row_hash order by line) as ordinal,
    -- k6 stamps a point when the response has ended
    ended_at - to_microseconds(case when duration_ms between 0 and 31.6e9
        then try_cast(round(duration_ms * 1000) as bigint) else 0 end) as "time",
    duration_ms,
    false as is_untimed,
    1.0 as weight,
    tags.method as method,
    coalesce(nullif(tags.name, ''), tags.url) as target,
    tags.url as url,
    -- k6 writes 0 where there was no response
    nullif(tags.status, '0') as status_code,
    case
        when tags.status = '0' or tags.expected_response = 'false' then true
        when tags.expected_response = 'true' then false
        else try_cast(tags.status as integer) not between 200 and 399 end as is_failed
from timed
