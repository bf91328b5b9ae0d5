-- Apdex of user requests: satisfied at or below T, tolerating at or below 4T; failures are frustrated.
-- reads: request_cells
-- unit: ratio
-- by: service operation
-- better: higher
-- range: 0..1
-- support: 100
with cells as (
    select
        $starts[1 + (epoch_us(c.time) - epoch_us($start)) // $unit_us] as time,
        case when $by_service then c.service end as service,
        case when $by_operation then c.operation end as operation,
        c.timed, c.count, c.weight_squares,
        case when c.outcome = 'failed' or (c.outcome = 'client_error' and $client_errors = 'failed') then 0
             else c.within_apdex end as satisfied,
        case when c.outcome = 'failed' or (c.outcome = 'client_error' and $client_errors = 'failed') then 0
             else c.within_4_apdex end as tolerated
    from request_cells as c
    where c.time >= $start and c.time < $stop
      and c.grain = $grain
      and c.population = 'user'
      and c.outcome <> 'unknown'
      and not (c.outcome = 'client_error' and $client_errors = 'excluded')
)
select
    time, service, operation,
    -- a request whose duration nobody told is left out, failed or not
    -- Apdex 1.1: (satisfied + tolerating / 2) / all; within 4T counts the satisfied too
    sum(satisfied + tolerated) / 2 / nullif(sum(timed), 0) as value,
    sum(timed) as count,
    -- of a cell that is timed in part, its part
    sum(weight_squares * timed / count) as weight_squares
from cells
group by all
