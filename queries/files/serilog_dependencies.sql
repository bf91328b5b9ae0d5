-- Client, producer and internal spans as dependencies.
select
    line, make_timestamptz(cast(start_ns // 1000 as bigint)) as "time", service, operation, instance, resource, tenant, kind,
    cast(end_ns - start_ns as double) / 1e6 as duration_ms,
    level in ('error', 'critical') or coalesce(try_cast(status_code as integer) >= 500, false) as is_failed,
    status_code, weight, trace_id, span_id, parent_id, synthetic, user_agent, url_path
from staged
where is_span and span_kind not in ('server', 'consumer')
