-- Container restarts: the increase of the cumulative counter; a value below the one before is a reset and counts itself.
-- reads: metric_minutes
-- unit: 1
-- by: service instance resource
-- better: lower
-- range: 0..
with steps as (select unnest($edges) as step),
series as (
    select time, service, instance, resource, kind, sum, last,
        lag(last) over (partition by service, instance, resource, kind order by time) as before
    from metric_minutes
    where name = 'restarts' and time < $stop),
increases as (
    select time, service, instance, resource,
        case when kind = 'delta' then sum when before is null then 0 when last >= before then last - before else last end as increase
    from series),
cells as (
    select
        s.step as time,
        case when $by_service then c.service end as service,
        case when $by_instance then c.instance end as instance,
        case when $by_resource then c.resource end as resource,
        c.increase
    from increases as c
    asof join steps as s on c.time >= s.step
    where c.time >= $start)
select time, service, instance, resource, sum(increase) as value, cast(count(*) as double) as count
from cells
group by all
