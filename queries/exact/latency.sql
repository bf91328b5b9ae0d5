-- A percentile of the duration of user requests, exact and weighted, from raw rows by nearest rank.
-- reads: requests
-- unit: ms
-- by: service operation
-- better: lower
-- range: 0..
with steps as (select unnest($edges) as step),
cells as (
    select
        s.step as time,
        case when $by_service then c.service end as service,
        case when $by_operation then c.operation end as operation,
        c.duration_ms, c.weight
    from requests as c
    asof join steps as s on c.time >= s.step
    where c.time >= $start and c.time < $stop and c.population = 'user'),
ranked as (
    select *,
        sum(weight) over (partition by time, service, operation order by duration_ms) as upto,
        sum(weight) over (partition by time, service, operation) as total
    from cells)
select time, service, operation,
    min(case when upto >= ($q - 1e-12) * total then duration_ms end) as value,
    any_value(total) as count
from ranked
group by all
