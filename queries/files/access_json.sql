-- Access logs with one JSON object per line (nginx log_format with escape=json, Envoy), one row each.
-- A line without time, request and status stops the reading; careful reading has set it aside.
with
    lines as (
        select
            case when $is_spooled then cast(text ->> '__line' as bigint) end as line,
            case when $is_spooled then text ->> 'text' else text end as text
        from read_csv($file, header = false, auto_detect = false, columns = {'text': 'VARCHAR'},
            delim = e'\x1f', quote = '', escape = '')
        where text is not null
    ),
    records as (
        select
            line, text,
            json_transform(cast(text as json), '{
                "msec": "VARCHAR", "time_iso8601": "VARCHAR", "@timestamp": "VARCHAR", "timestamp": "VARCHAR",
                "time": "VARCHAR", "time_local": "VARCHAR", "start_time": "VARCHAR",
                "request": "VARCHAR", "request_method": "VARCHAR", "method": "VARCHAR",
                "request_uri": "VARCHAR", "uri": "VARCHAR", "path": "VARCHAR",
                "status": "VARCHAR", "response_code": "VARCHAR", "status_code": "VARCHAR",
                "request_time": "VARCHAR", "duration": "VARCHAR",
                "http_user_agent": "VARCHAR", "user_agent": "VARCHAR", "agent": "VARCHAR",
                "service": "VARCHAR", "service_name": "VARCHAR", "server_name": "VARCHAR", "vhost": "VARCHAR",
                "host": "VARCHAR", "http_host": "VARCHAR", "authority": "VARCHAR",
                "pod": "VARCHAR", "instance": "VARCHAR", "hostname": "VARCHAR", "trace_id": "VARCHAR"}') as r
        from lines
    ),
    picked as (
        select
            line, text, r,
            coalesce(r.msec, r.time_iso8601, r."@timestamp", r."timestamp", r."time", r.time_local, r.start_time) as stamp,
            -- Envoy stamps the start and tells milliseconds; nginx stamps the end and tells seconds
            coalesce(r.msec, r.time_iso8601, r."@timestamp", r."timestamp", r."time", r.time_local) is null as is_start,
            coalesce(r.request_method, r.method) as method,
            coalesce(r.request_uri, r.uri, r.path) as target,
            coalesce(r.status, r.response_code, r.status_code) as status
        from records
    ),
    measured as (
        select
            *,
            case when is_start and r.request_time is null then try_cast(r.duration as double)
                else try_cast(r.request_time as double) * 1000 end as duration_ms
        from picked
        where case
            when $is_spooled or (stamp is not null and status is not null and coalesce(r.request, target) is not null)
                then true
            else error('not a line of an access log: ' || left(text, 40)) end
    )
select
    line,
    md5(text) as text_hash,
    row_number() over (partition by md5(text) order by line) as ordinal,
    case
        when regexp_full_match(stamp, '[0-9]{9,10}(\.[0-9]{1,9})?')
            then make_timestamptz(try_cast(round(try_cast(stamp as double) * 1e6) as bigint))
        when regexp_full_match(stamp, '[0-9]{13}') then make_timestamptz(try_cast(stamp as bigint) * 1000)
        when regexp_matches(stamp, '^\d{4}-.*:\d\d([.,]\d+)?\s*(Z|z|UTC|[+-]\d\d(:?\d\d)?)$')
            then try_cast(stamp as timestamptz)
        else try_strptime(stamp, '%d/%b/%Y:%H:%M:%S %z') end as stamped_at,
    is_start,
    duration_ms,
    duration_ms is null as is_untimed,
    -- server_name comes from the configuration, the others may be what a client asked for
    coalesce(
        nullif(r.service, ''), nullif(r.service_name, ''), nullif(nullif(r.server_name, ''), '_'), nullif(r.vhost, ''),
        nullif(regexp_replace(coalesce(r.host, r.http_host, r.authority), ':[0-9]+$', ''), '')) as service,
    coalesce(nullif(r.pod, ''), nullif(r."instance", ''), nullif(r.hostname, '')) as instance,
    case when method is not null and target is not null then method || ' ' || target else r.request end as request,
    nullif(nullif(nullif(status, '-'), '0'), '') as status_code,
    nullif(nullif(coalesce(r.http_user_agent, r.user_agent, r.agent), ''), '-') as user_agent,
    nullif(nullif(lower(r.trace_id), ''), '-') as trace_id
from measured
