-- The slowest requests with what was logged in their traces.
-- reads: requests logs
with slowest as (
    select time, service, operation, duration_ms, status_code, trace_id
    from requests
    where time >= $start and time < $stop and population = 'user' and trace_id is not null
    order by duration_ms desc nulls last, trace_id
    limit 20)
select s.time, s.service, s.operation, s.duration_ms, s.status_code, l.service as logged_by, l.level, l.message, s.trace_id
from slowest as s
left join logs as l on l.trace_id = s.trace_id and l.level in ('warning', 'error', 'critical')
order by s.duration_ms desc, s.trace_id, l.time
