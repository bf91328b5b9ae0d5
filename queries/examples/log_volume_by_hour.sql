-- Log events and bytes by hour, service and level, from rollups: also where raw rows are gone.
-- reads: log_minutes
select date_trunc('hour', time) as hour, service, level, sum(count) as count, sum(bytes) as bytes
from log_minutes
where time >= $start and time < $stop
group by hour, service, level
order by hour, service, level
