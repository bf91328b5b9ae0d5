-- Share of cache look-ups that hit.
-- reads: metric_minutes metric_cells
-- unit: ratio
-- by: service instance resource
-- better: higher
-- range: 0..1
with cells as (
    select
        $starts[1 + (epoch_us(c.time) - epoch_us($start)) // $unit_us] as time,
        case when $by_service then c.service end as service,
        case when $by_instance then c.instance end as instance,
        case when $by_resource then c.resource end as resource,
        c.name, c.sum
    from metric_cells as c
    where c.time >= $start and c.time < $stop
      and c.name in ('cache_hits', 'cache_misses')
),
counted as (
    select time, service, instance, resource,
        sum(case when name = 'cache_hits' then sum else 0 end) as hits,
        sum(sum) as lookups
    from cells
    group by all)
select
    time, service, instance, resource,
    case when lookups > 0 then hits / lookups end as value,
    lookups as count
from counted
