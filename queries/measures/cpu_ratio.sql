-- CPU used as a share of the limit, mean over instances and time.
-- reads: metric_minutes metric_cells
-- unit: ratio
-- by: service instance resource
-- better: lower
-- range: 0..1
with cells as (
    select
        $starts[1 + (epoch_us(c.time) - epoch_us($start)) // $unit_us] as time,
        case when $by_service then c.service end as service,
        case when $by_instance then c.instance end as instance,
        case when $by_resource then c.resource end as resource,
        c.sum, c.count
    from metric_cells as c
    where c.time >= $start and c.time < $stop
      and c.name = 'cpu_ratio'
      and c.kind not in ('delta', 'cumulative')
)
select
    time, service, instance, resource,
    case when sum(count) > 0 then sum(sum) / sum(count) end as value,
    sum(count) as count
from cells
group by all
