-- Server and consumer spans as requests, and, where $has_completions, events that tell of a completed request.
-- An event speaks of the end of the request; where its span is there too, the span counts.
with
    spans as (
        select *, start_ns as begin_ns, cast(end_ns - start_ns as double) / 1e6 as duration_ms, span_kind in ('server', 'consumer') as is_handled
        from staged
        where is_span
    ),
    completions as (
        select *, end_ns - try_cast(round(elapsed_ms * 1e6) as hugeint) as begin_ns, elapsed_ms as duration_ms
        from staged as event
        where is_completion and $has_completions and not exists (
            select 1 from staged as span
            where span.is_span and span.trace_id = event.trace_id and span.span_id = event.span_id)
    ),
    handled as (
        select * exclude (is_handled), level in ('error', 'critical') as is_bad from spans where is_handled
        union all by name
        select *, exception is not null as is_bad from completions
    )
select
    line, make_timestamptz(try_cast(begin_ns // 1000 as bigint)) as "time", service, operation, instance, tenant, duration_ms,
    is_bad or coalesce(try_cast(status_code as integer) >= 500, false) as is_failed,
    status_code, weight, trace_id, span_id, parent_id, synthetic, user_agent, url_path
from handled
