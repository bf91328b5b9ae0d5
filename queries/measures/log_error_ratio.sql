-- Share of log events at level error or critical.
-- reads: log_minutes
-- unit: ratio
-- by: service
-- better: lower
-- range: 0..1
-- interval: wilson
with steps as (select unnest($edges) as step),
cells as (
    select
        s.step as time,
        case when $by_service then c.service end as service,
        c.count, c.weight_squares, c.level
    from log_minutes as c
    asof join steps as s on c.time >= s.step
    where c.time >= $start and c.time < $stop
)
select
    time, service,
    sum(case when level in ('error', 'critical') then count else 0 end) / sum(count) as value,
    sum(count) as count,
    sum(weight_squares) as weight_squares
from cells
group by all
