-- Everything that one trace left behind, across services: requests, calls and log lines in order.
-- reads: requests dependencies logs
select time, 'request' as what, service, operation as text, duration_ms, status_code as outcome
from requests where trace_id = $trace_id
union all
select time, 'call', service, coalesce(operation, resource), duration_ms, status_code
from dependencies where trace_id = $trace_id
union all
select time, 'log', service, message, null, level
from logs where trace_id = $trace_id
order by time
