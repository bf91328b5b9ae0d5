-- Container restarts: what the counter rose by, resets included, told as delta or as a running total alike.
-- reads: metric_minutes metric_cells
-- unit: 1
-- by: service instance resource
-- better: lower
-- range: 0..
with cells as (
    select
        $starts[1 + (epoch_us(c.time) - epoch_us($start)) // $unit_us] as time,
        case when $by_service then c.service end as service,
        case when $by_instance then c.instance end as instance,
        case when $by_resource then c.resource end as resource,
        c.sum, c.count
    from metric_cells as c
    where c.time >= $start and c.time < $stop
      and c.name = 'restarts'
)
select time, service, instance, resource, sum(sum) as value, sum(count) as count
from cells
group by all
