-- Durations of requests in buckets of base 2^(1/32) by day of UTC and service: those of the hours merged.
-- reads: latency_sketch_hours
select
    date_trunc('day', time) as time,
    service, population, bucket,
    sum(count) as count,
    sum(weight_squares) as weight_squares
from latency_sketch_hours
group by all
