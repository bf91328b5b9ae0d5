-- Client, producer, internal and unspecified spans as dependencies.
select
    line, "time", service, operation, instance, resource, tenant, kind, duration_ms, is_failed, status_code, weight,
    trace_id, span_id, parent_id, synthetic, user_agent, url_path
from staged
where not is_handled
