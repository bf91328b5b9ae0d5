-- Share of log events at level error or critical.
-- reads: log_minutes
-- unit: ratio
-- by: service
-- better: lower
-- range: 0..1
-- interval: wilson
with cells as (
    select
        $starts[1 + (epoch_us(c.time) - epoch_us($start)) // $unit_us] as time,
        case when $by_service then c.service end as service,
        c.count, c.weight_squares, c.level
    from log_minutes as c
    where c.time >= $start and c.time < $stop
)
select
    time, service,
    sum(case when level in ('error', 'critical') then count else 0 end) / sum(count) as value,
    sum(count) as count,
    sum(weight_squares) as weight_squares
from cells
group by all
