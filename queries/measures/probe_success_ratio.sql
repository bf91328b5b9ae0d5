-- Share of health probes that succeeded.
-- reads: probe_minutes
-- unit: ratio
-- by: service
-- better: higher
-- range: 0..1
-- interval: wilson
with cells as (
    select
        $starts[1 + (epoch_us(c.time) - epoch_us($start)) // $unit_us] as time,
        case when $by_service then c.service end as service,
        c.count, c.weight_squares, c.failed
    from probe_minutes as c
    where c.time >= $start and c.time < $stop
)
select
    time, service,
    1 - sum(failed) / sum(count) as value,
    sum(count) as count,
    sum(weight_squares) as weight_squares
from cells
group by all
