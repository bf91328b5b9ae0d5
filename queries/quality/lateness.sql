-- How long rows took from their moment to the telemetry backend, where the export says when they were received.
-- reads: requests dependencies logs
-- unit: s
-- by: service
with arrivals as (
    select 'requests' as table_name, time, received_at from requests
    union all select 'dependencies', time, received_at from dependencies
    union all select 'logs', time, received_at from logs)
select
    table_name,
    count(*) as rows,
    quantile_cont(epoch(received_at) - epoch(time), 0.5) as median_seconds,
    quantile_cont(epoch(received_at) - epoch(time), 0.99) as p99_seconds,
    max(epoch(received_at) - epoch(time)) as longest_seconds
from arrivals
where time >= $start and time < $stop and received_at is not null
group by table_name
order by table_name
