-- Minutes in which a service was probed for readiness or availability and every such probe failed.
-- reads: probe_minutes
-- unit: 1
-- by: service
select time, service
from probe_minutes
where time >= $start and time < $stop and kind in ('readiness', 'availability')
group by time, service
having sum(failed) >= sum(count)
order by service, time
