-- Server and consumer spans as requests.
select
    line, "time", service, operation, instance, tenant, duration_ms, is_failed, status_code, weight,
    trace_id, span_id, parent_id, synthetic, user_agent, url_path
from staged
where is_handled
