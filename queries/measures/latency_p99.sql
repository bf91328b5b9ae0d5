-- 99th percentile of the duration of user requests, within 1.09 %.
-- reads: latency_sketches latency_sketch_hours latency_sketch_days
-- unit: ms
-- by: service operation
-- better: lower
-- range: 0..
-- steps: 5m
with sketches as (
    -- whole days are read from the days and whole hours from the hours: all merge to the same buckets
    select time, service, population, bucket, count, weight_squares from latency_sketch_days
    where time >= $days_start and time < $days_stop
    union all
    select time, service, population, bucket, count, weight_squares from latency_sketch_hours
    where (time >= $hours_start and time < $days_start) or (time >= $days_stop and time < $hours_stop)
    union all
    select time, service, population, bucket, count, weight_squares from latency_sketches
    where (time >= $start and time < $hours_start) or (time >= $hours_stop and time < $stop)
),
cells as (
    select
        $starts[1 + (epoch_us(c.time) - epoch_us($start)) // $unit_us] as time,
        case when $by_service then c.service end as service,
        coalesce(c.bucket, -100000) as bucket, c.count, c.weight_squares
    from sketches as c
    where c.population = 'user'
),
merged as (
    select * exclude (count, weight_squares), sum(count) as count, sum(weight_squares) as weight_squares
    from cells
    group by all),
ranked as (
    select *,
        sum(count) over (partition by time, service order by bucket) as upto,
        sum(count) over (partition by time, service) as total,
        sum(weight_squares) over (partition by time, service) as squares
    from merged),
asked as (
    -- nearest rank; the interval is of the rank: q +- 1.96 sqrt(q(1-q)/n), n after Kish
    select *, 0.99 as q, 1.96 * sqrt(0.99 * (1 - 0.99) * squares) / total as margin
    from ranked),
answered as (
    select time, service, total, squares,
        min(case when upto >= (q - 1e-12) * total then bucket end) as bucket,
        min(case when upto >= (q - margin) * total then bucket end) as bucket_low,
        min(case when q + margin <= 1 and upto >= (q + margin) * total then bucket end) as bucket_high
    from asked
    group by all)
select
    time, service,
    -- the middle of the bucket in log space
    case when bucket = -100000 then 0 else pow(2, (bucket - 0.5) / 32) end as value,
    case when bucket_low = -100000 then 0 else pow(2, (bucket_low - 1) / 32) end as value_low,
    case when bucket_high = -100000 then 0 else pow(2, bucket_high / 32) end as value_high,
    total as count,
    squares as weight_squares
from answered
