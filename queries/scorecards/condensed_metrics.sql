-- Metrics merged over a whole window by series: what counters rose by, what gauges summed to.
-- reads: metric_minutes metric_cells
select
    $start as time, service, instance, resource, name, series, kind, sum(sum) as sum, sum(count) as count
from store.main.metric_cells
where time >= $start and time < $stop
group by all
