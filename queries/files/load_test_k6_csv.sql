-- The http_req_duration points of k6's CSV output, one row per request.
-- The columns depend on the version and the tags of the test, so they are looked up by name.
with
    points as (
        select json_transform(to_json(given), '{
            "__line": "BIGINT", "metric_name": "VARCHAR", "timestamp": "VARCHAR", "metric_value": "VARCHAR",
            "expected_response": "VARCHAR", "group": "VARCHAR", "method": "VARCHAR", "name": "VARCHAR",
            "scenario": "VARCHAR", "status": "VARCHAR", "url": "VARCHAR"}') as p
        from read_csv($file, header = true, all_varchar = true, delim = $delimiter, quote = '"', escape = '"',
            comment = '', skip = 0) as given
    ),
    requests as (
        select
            *,
            try_cast(p.metric_value as double) as duration_ms,
            md5(cast(row(p."timestamp", p.metric_value, p.expected_response, p."group", p.method, p."name", p.scenario,
                p.status, p.url) as varchar)) as row_hash,
            -- whole seconds unless K6_CSV_TIME_FORMAT says otherwise
            case
                when regexp_full_match(p."timestamp", '\d{10}') then make_timestamptz(try_cast(p."timestamp" as bigint) * 1000000)
                when regexp_full_match(p."timestamp", '\d{13}') then make_timestamptz(try_cast(p."timestamp" as bigint) * 1000)
                when regexp_full_match(p."timestamp", '\d{16}') then make_timestamptz(try_cast(p."timestamp" as bigint))
                when regexp_full_match(p."timestamp", '\d{19}')
                    then make_timestamptz(try_cast(p."timestamp" as bigint) // 1000)
                when regexp_matches(p."timestamp", ':\d\d(\.\d+)?(Z|z|[+-]\d\d:?\d\d)$')
                    then try_cast(p."timestamp" as timestamptz) end as ended_at
        from points
        where p.metric_name = 'http_req_duration'
    )
select
    p.__line as line, row_hash,
    row_number() over (partition by row_hash order by p.__line) as ordinal,
    ended_at - to_microseconds(case when duration_ms between 0 and 31.6e9
        then try_cast(round(duration_ms * 1000) as bigint) else 0 end) as "time",
    duration_ms,
    false as is_untimed,
    1.0 as weight,
    p.method as method,
    coalesce(nullif(p."name", ''), p.url) as target,
    p.url as url,
    nullif(p.status, '0') as status_code,
    case
        when p.status = '0' or p.expected_response = 'false' then true
        when p.expected_response = 'true' then false
        else try_cast(p.status as integer) not between 200 and 399 end as is_failed
from requests
