-- Latency sketches of what a window holds before and after its whole hours, merged over each of both.
-- reads: latency_sketches
with merged as (
    select
        case when time < $hours_start then $start else $hours_stop end as time,
        service, population, bucket, sum(count) as count, sum(weight_squares) as weight_squares
    from store.main.latency_sketches
    where (time >= $start and time < $hours_start) or (time >= $hours_stop and time < $stop)
    group by all)
select time, unnest([service, $whole]) as service, population, bucket, count, weight_squares
from merged
