-- User requests per second.
-- reads: request_cells
-- unit: 1/s
-- by: service operation
-- better: neither
-- range: 0..
-- empty: zero
with cells as (
    select
        $starts[1 + (epoch_us(c.time) - epoch_us($start)) // $unit_us] as time,
        case when $by_service then c.service end as service,
        case when $by_operation then c.operation end as operation,
        $seconds[1 + (epoch_us(c.time) - epoch_us($start)) // $unit_us] as seconds,
        c.count, c.weight_squares
    from request_cells as c
    where c.time >= $start and c.time < $stop
      and c.grain = $grain
      and c.population = 'user'
)
select
    time, service, operation,
    sum(count) / any_value(seconds) as value,
    sum(count) as count,
    sum(weight_squares) as weight_squares
from cells
group by all
