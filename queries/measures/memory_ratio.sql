-- Memory used as a share of the limit, mean over instances and time.
-- reads: metric_minutes
-- unit: ratio
-- by: service instance resource
-- better: lower
-- range: 0..1
with steps as (select unnest($edges) as step),
cells as (
    select
        s.step as time,
        case when $by_service then c.service end as service,
        case when $by_instance then c.instance end as instance,
        case when $by_resource then c.resource end as resource,
        c.sum, c.count
    from metric_minutes as c
    asof join steps as s on c.time >= s.step
    where c.time >= $start and c.time < $stop
      and c.name = 'memory_ratio'
      and c.kind in ('gauge', 'histogram')
)
select
    time, service, instance, resource,
    sum(sum) / sum(count) as value,
    sum(count) as count
from cells
group by all
