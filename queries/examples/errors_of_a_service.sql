-- Errors of one service with the trace to follow, newest first.
-- reads: logs
select time, level, message, exception_type, trace_id
from logs
where time >= $start and time < $stop and service = $service and level in ('error', 'critical')
order by time desc, id
limit 200
