-- Restores, failovers and drills of a window with their moments, those that failed too: what RTO and RPO are made of.
-- reads: recoveries
-- unit: s
-- by: service
select
    concat_ws(' of ', kind, service) as what,
    service, class as critical_issue, time, restored_at, last_recoverable_at,
    epoch(restored_at) - epoch(time) as restore_seconds,
    epoch(time) - epoch(last_recoverable_at) as loss_seconds,
    coalesce(is_failed, false) as is_failed
from recoveries
where time >= $start and time < $stop and kind in ('drill', 'restore', 'failover')
  and ($service is null or service = $service)
order by time, what, id
