-- A percentile of the duration of user requests, exact and weighted, from raw rows by nearest rank.
-- reads: requests
-- unit: ms
-- by: service operation
-- better: lower
-- range: 0..
with cells as (
    select
        $starts[1 + (epoch_us(c.time) - epoch_us($start)) // $unit_us] as time,
        case when $by_service then c.service end as service,
        case when $by_operation then c.operation end as operation,
        c.duration_ms, c.weight
    from requests as c
    where c.time >= $start and c.time < $stop and c.population = 'user'
      and c.duration_ms is not null),
ranked as (
    select *,
        sum(weight) over (partition by time, service, operation order by duration_ms) as upto,
        sum(weight) over (partition by time, service, operation) as total,
        sum(weight * weight) over (partition by time, service, operation) as squares
    from cells),
asked as (
    -- nearest rank; the interval is of the rank: q +- 1.96 sqrt(q(1-q)/n), n after Kish
    select *, 1.96 * sqrt($q * (1 - $q) * squares) / total as margin from ranked)
select time, service, operation,
    min(case when upto >= ($q - 1e-12) * total then duration_ms end) as value,
    min(case when upto >= ($q - margin) * total then duration_ms end) as value_low,
    min(case when $q + margin <= 1 and upto >= ($q + margin) * total then duration_ms end) as value_high,
    any_value(total) as count,
    any_value(squares) as weight_squares
from asked
group by all
