-- A percentile of the duration of user requests by minute and service, exact and weighted, as kept when rows arrived.
-- A minute that lost rows before late ones came has a count and no percentile.
-- reads: minute_percentiles request_minutes
-- unit: ms
-- by: service
-- better: lower
-- range: 0..
with kept as (
    select time, service,
        case when $q = 0.5 then p50 when $q = 0.95 then p95 when $q = 0.99 then p99 end as value,
        case when $q = 0.5 then p50_low when $q = 0.95 then p95_low when $q = 0.99 then p99_low end as value_low,
        case when $q = 0.5 then p50_high when $q = 0.95 then p95_high when $q = 0.99 then p99_high end as value_high
    from minute_percentiles
    where time >= $start and time < $stop),
counted as (
    select time, service, sum(timed) as count, sum(weight_squares) as weight_squares
    from request_minutes
    where time >= $start and time < $stop and population = 'user' and timed > 0
    group by time, service)
select c.time, c.service, k.value, k.value_low, k.value_high, c.count, c.weight_squares
from counted as c
left join kept as k on k.time = c.time and k.service = c.service
