-- Of the log events of one step and service: how many a measure counts; it leaves none out.
-- reads: log_minutes
-- unit: events
-- by: service
select cast(null as varchar) as reason, sum(count) as count, cast(sum(raw_count) as bigint) as rows
from log_minutes
where time >= $start and time < $stop and (not $by_service or service is not distinct from $service)
