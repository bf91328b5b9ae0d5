-- AppRequests and AppServiceHTTPLogs as requests.
select
    line, at_time as "time", service, instance, weight, synthetic, received_at,
    coalesce(nullif(OperationName, ''), nullif(Name, ''), CsMethod || ' ' || CsUriStem) as operation,
    try_cast(coalesce(DurationMs, TimeTaken) as double) as duration_ms,
    case
        when record_type = 'AppRequests' then not try_cast(Success as boolean)
        when lower("Result") = 'success' then false
        when starts_with(lower("Result"), 'fail') then true
        else try_cast(ScStatus as integer) >= 500 end as is_failed,
    nullif(coalesce(ResultCode, ScStatus), '') as status_code,
    nullif(OperationId, '') as trace_id,
    nullif(Id, '') as span_id,
    nullif(ParentId, '') as parent_id,
    coalesce(p[1], p[2], p[3]) as tenant,
    coalesce(p[4], p[5], UserAgent) as user_agent,
    -- a path only tells probes, so only one that may be a probe's is cut out
    case when regexp_matches(coalesce(Url, CsUriStem), 'health|live|ready|startup') then nullif(coalesce(
        nullif(regexp_extract(Url, '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^?#]*)', 1), ''),
        regexp_extract(Url, '^(/[^?#]*)', 1), CsUriStem), '') end as url_path
from staged
where record_type in ('AppRequests', 'AppServiceHTTPLogs')
