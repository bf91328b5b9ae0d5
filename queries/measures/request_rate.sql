-- User requests per second.
-- reads: request_cells
-- unit: 1/s
-- by: service operation
-- better: neither
-- range: 0..
-- empty: zero
-- per: second
with steps as (select unnest($edges) as step),
cells as (
    select
        s.step as time,
        case when $by_service then c.service end as service,
        case when $by_operation then c.operation end as operation,
        c.count
    from request_cells as c
    asof join steps as s on c.time >= s.step
    where c.time >= $start and c.time < $stop
      and c.grain = $grain
      and c.population = 'user'
)
select
    time, service, operation,
    -- per second of the step: the caller divides by its length
    sum(count) as value,
    sum(count) as count
from cells
group by all
