-- Log events and bytes by service and level, from rollups: answered even where raw rows are gone.
-- reads: log_minutes
-- unit: 1
-- by: service
select
    service,
    level,
    sum(count) as count,
    sum(weight_squares) as weight_squares,
    cast(sum(raw_count) as bigint) as rows,
    sum(bytes) as bytes
from log_minutes
where time >= $start and time < $stop and ($service is null or service = $service)
group by service, level
order by service, level
