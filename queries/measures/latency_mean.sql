-- Mean duration of user requests.
-- reads: request_cells
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
        c.timed, c.duration_us
    from request_cells as c
    asof join steps as s on c.time >= s.step
    where c.time >= $start and c.time < $stop
      and c.grain = $grain
      and c.population = 'user'
)
select
    time, service, operation,
    sum(duration_us) / nullif(sum(timed), 0) / 1000 as value,
    sum(timed) as count
from cells
group by all
