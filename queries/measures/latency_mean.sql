-- Mean duration of user requests.
-- reads: request_cells
-- unit: ms
-- by: service operation
-- better: lower
-- range: 0..
with cells as (
    select
        $starts[1 + (epoch_us(c.time) - epoch_us($start)) // $unit_us] as time,
        case when $by_service then c.service end as service,
        case when $by_operation then c.operation end as operation,
        c.timed, c.count, c.duration_us, c.weight_squares
    from request_cells as c
    where c.time >= $start and c.time < $stop
      and c.grain = $grain
      and c.population = 'user'
)
select
    time, service, operation,
    sum(duration_us) / nullif(sum(timed), 0) / 1000 as value,
    sum(timed) as count,
    -- of a cell that is timed in part, its part
    sum(weight_squares * timed / count) as weight_squares
from cells
group by all
