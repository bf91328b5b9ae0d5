-- Share of outgoing calls that failed.
-- reads: dependency_minutes
-- unit: ratio
-- by: service resource
-- better: lower
-- range: 0..1
-- interval: wilson
with steps as (select unnest($edges) as step),
cells as (
    select
        s.step as time,
        case when $by_service then c.service end as service,
        case when $by_resource then c.resource end as resource,
        c.count, c.weight_squares,
        coalesce(c.is_failed, false) or coalesce(c.status_class, '') = '5xx' as is_bad
    from dependency_minutes as c
    asof join steps as s on c.time >= s.step
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
