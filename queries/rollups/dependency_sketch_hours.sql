-- Durations of outgoing calls in buckets of base 2^(1/32) by hour, service and resource: the 5-minute sketches merged.
-- reads: dependency_sketches
select
    date_trunc('hour', time) as time,
    service, resource, population, bucket,
    sum(count) as count,
    sum(weight_squares) as weight_squares
from dependency_sketches
group by all
