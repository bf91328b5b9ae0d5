-- Latency sketches of the whole hours of a window merged over all of them.
-- reads: latency_sketch_hours
select $hours_start as time, service, population, bucket, sum(count) as count, sum(weight_squares) as weight_squares
from store.main.latency_sketch_hours
where time >= $hours_start and time < $hours_stop
group by all
