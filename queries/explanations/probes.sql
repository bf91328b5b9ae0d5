-- Of the health probes of one step and service: how many a measure counts; it leaves none out.
-- A probe is one row until it is sampled: how many rows lie behind a weight is not kept.
-- reads: probe_minutes
-- unit: events
-- by: service
select cast(null as varchar) as reason, sum(count) as count, cast(null as bigint) as rows
from probe_minutes
where time >= $start and time < $stop and (not $by_service or service is not distinct from $service)
