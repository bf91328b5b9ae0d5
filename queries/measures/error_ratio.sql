-- Share of valid user requests that failed: 5xx, or failed by their own word; 4xx by the declared policy.
-- reads: request_cells
-- unit: ratio
-- by: service operation
-- better: lower
-- range: 0..1
-- interval: wilson
with cells as (
    select
        $starts[1 + (epoch_us(c.time) - epoch_us($start)) // $unit_us] as time,
        case when $by_service then c.service end as service,
        case when $by_operation then c.operation end as operation,
        c.count, c.weight_squares,
        c.outcome = 'failed' or (c.outcome = 'client_error' and $client_errors = 'failed') as is_bad
    from request_cells as c
    where c.time >= $start and c.time < $stop
      and c.grain = $grain
      and c.population = 'user'
      and c.outcome <> 'unknown'
      and not (c.outcome = 'client_error' and $client_errors = 'excluded')
)
select
    time, service, operation,
    sum(case when is_bad then count else 0 end) / sum(count) as value,
    sum(count) as count,
    sum(weight_squares) as weight_squares
from cells
group by all
