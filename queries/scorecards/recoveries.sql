-- Restores, failovers and drills with the time they took and the data they lost.
-- reads: recoveries
-- unit: s
-- by: service
select
    service,
    class as critical_issue,
    epoch(restored_at) - epoch(time) as restore_seconds,
    epoch(time) - epoch(last_recoverable_at) as loss_seconds
from recoveries
where time >= $start and time < $stop and kind in ('drill', 'restore', 'failover') and not coalesce(is_failed, false)
order by all
