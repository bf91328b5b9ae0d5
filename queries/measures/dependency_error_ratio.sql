-- Share of outgoing calls that failed.
-- reads: dependency_minutes
-- unit: ratio
-- by: service resource
-- better: lower
-- range: 0..1
-- interval: wilson
with cells as (
    select
        $starts[1 + (epoch_us(c.time) - epoch_us($start)) // $unit_us] as time,
        case when $by_service then c.service end as service,
        case when $by_resource then c.resource end as resource,
        c.count, c.weight_squares,
        coalesce(c.is_failed, false) or coalesce(c.status_class, '') = '5xx' as is_bad
    from dependency_minutes as c
    where c.time >= $start and c.time < $stop
      and c.population = 'user'
      and (c.is_failed is not null or c.status_class is not null)
)
select
    time, service, resource,
    sum(case when is_bad then count else 0 end) / sum(count) as value,
    sum(count) as count,
    sum(weight_squares) as weight_squares
from cells
group by all
