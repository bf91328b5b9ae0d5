-- Lines of Envoy's default access log, also with the fields Istio adds, one row each.
-- $pattern cuts a line into time, request, status, milliseconds, user agent and authority.
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
            regexp_extract(text, $pattern, ['stamp', 'request', 'status', 'ms', 'user_agent', 'authority']) as f
        from lines
    )
select
    line,
    md5(text) as text_hash,
    row_number() over (partition by md5(text) order by line) as ordinal,
    try_cast(f.stamp as timestamptz) as stamped_at,
    true as is_start,
    try_cast(f.ms as double) as duration_ms,
    try_cast(f.ms as double) is null as is_untimed,
    nullif(nullif(regexp_replace(f.authority, ':[0-9]+$', ''), ''), '-') as service,
    cast(null as varchar) as instance,
    f.request as request,
    nullif(f.status, '0') as status_code,
    nullif(nullif(f.user_agent, ''), '-') as user_agent,
    cast(null as varchar) as trace_id
from fields
where case when $is_spooled or f.stamp <> '' then true
    else error('not a line of an Envoy access log: ' || left(text, 40)) end
