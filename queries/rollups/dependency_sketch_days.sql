-- Durations of calls in buckets of base 2^(1/32) by day of UTC, service and resource: those of the hours merged.
-- reads: dependency_sketch_hours
select
    date_trunc('day', time) as time,
    service, resource, population, bucket,
    sum(count) as count,
    sum(weight_squares) as weight_squares
from dependency_sketch_hours
group by all
