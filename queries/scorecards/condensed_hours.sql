-- Latency sketches of the whole hours of a window merged over all of them, for each service and, as one more, the whole.
-- reads: latency_sketch_hours latency_sketch_days
with kept as (
    select service, population, bucket, count, weight_squares from store.main.latency_sketch_days
    where time >= $days_start and time < $days_stop
    union all
    select service, population, bucket, count, weight_squares from store.main.latency_sketch_hours
    where (time >= $hours_start and time < $days_start) or (time >= $days_stop and time < $hours_stop)),
merged as (
    select service, population, bucket, sum(count) as count, sum(weight_squares) as weight_squares
    from kept
    group by all)
select $hours_start as time, unnest([service, $whole]) as service, population, bucket, count, weight_squares
from merged
