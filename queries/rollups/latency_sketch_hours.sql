-- Durations of requests in buckets of base 2^(1/32) by hour and service: the 5-minute sketches merged.
-- reads: latency_sketches
select
    date_trunc('hour', time) as time,
    service, population, bucket,
    sum(count) as count,
    sum(weight_squares) as weight_squares
from latency_sketches
group by all
