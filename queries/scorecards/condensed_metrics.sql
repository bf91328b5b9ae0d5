-- Metrics merged over a whole window by series: what counters rose by, what gauges summed to.
-- reads: metric_minutes metric_cells
with merged as (
    select service, instance, resource, name, series, kind, sum(sum) as sum, sum(count) as count
    from store.main.metric_cells
    where time >= $start and time < $stop
    group by all)
select $start as time, unnest([service, $whole]) as service, * exclude (service)
from merged
