-- Lines of Apache and nginx access logs (common, combined, vhost_combined, ingress-nginx, with further fields), one row each.
-- $pattern cuts a line into virtual host, time, request, status, user agent and what follows.
-- A line that it does not match stops the reading; careful reading has set it aside.
with
    lines as (
        select
            case when $is_spooled then cast(text ->> '__line' as bigint) end as line,
            case when $is_spooled then text ->> 'text' else text end as text
        from read_csv($file, header = false, auto_detect = false, columns = {'text': 'VARCHAR'},
            delim = e'\x1f', quote = '', escape = '')
        where text is not null
    ),
    fields as (
        select
            line, text,
            regexp_extract(text, $pattern, ['host', 'stamp', 'request', 'status', 'user_agent', 'rest', 'plain_rest']) as f
        from lines
    ),
    placed as (
        select line, text, f, coalesce(nullif(f.rest, ''), f.plain_rest) as rest
        from fields
        where case when $is_spooled or f.stamp <> '' then true
            else error('not a line of an access log: ' || left(text, 40)) end
    ),
    timed as (
        select
            *,
            -- ingress-nginx: length of the request, its seconds, the upstream
            regexp_extract(rest, '^ ?[0-9]+ ([0-9]+\.[0-9]{3}) \[([^\]]*)\]', ['seconds', 'upstream']) as ingress,
            nullif(regexp_extract(rest, '(?:^|[ ,])(?:rt|request_time)[=:]"?([0-9]+\.[0-9]+)', 1), '') as named,
            -- a request lasts at least as long as its upstreams, so of several times the longest is its own
            list_max(list_transform(
                regexp_extract_all(
                    regexp_extract(rest, '((?:(?:^| )"?(?:[0-9]+\.[0-9]{3},?|-)"?)+)$', 1), '[0-9]+\.[0-9]{3}'),
                lambda one: cast(one as double))) as at_end,
            nullif(regexp_extract(rest, '(?:^|[ "/])([0-9]+(?:\.[0-9]+)?)"?$', 1), '') as last_field
        from placed
    ),
    measured as (
        select
            *,
            case
                when cast($duration as varchar) = '%D' then try_cast(last_field as double) / 1000
                when cast($duration as varchar) = '%T' then try_cast(last_field as double) * 1000
                else 1000 * coalesce(
                    try_cast(named as double), try_cast(nullif(ingress.seconds, '') as double), at_end,
                    case when cast($duration as varchar) = 'request_time' then try_cast(last_field as double) end)
                end as duration_ms
        from timed
    )
select
    line,
    md5(text) as text_hash,
    row_number() over (partition by md5(text) order by line) as ordinal,
    try_strptime(f.stamp, '%d/%b/%Y:%H:%M:%S %z') as stamped_at,
    -- nginx writes a line, and its time, when the request has ended; Apache's %t is the start
    coalesce(cast($duration as varchar) in ('%D', '%T'), false) as is_start,
    duration_ms,
    cast($duration as varchar) is null and duration_ms is null as is_untimed,
    coalesce(nullif(f.host, ''), nullif(ingress.upstream, '')) as service,
    cast(null as varchar) as instance,
    f.request as request,
    nullif(f.status, '-') as status_code,
    nullif(nullif(f.user_agent, ''), '-') as user_agent,
    cast(null as varchar) as trace_id
from measured
