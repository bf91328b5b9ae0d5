-- 95th percentile of the duration of outgoing calls, within 1.09 %.
-- reads: dependency_sketches dependency_sketch_hours dependency_sketch_days
-- unit: ms
-- by: service resource
-- better: lower
-- range: 0..
-- steps: 5m
with sketches as (
    -- whole days are read from the days and whole hours from the hours: all merge to the same buckets
    select time, service, resource, population, bucket, count, weight_squares from dependency_sketch_days
    where time >= $days_start and time < $days_stop
    union all
    select time, service, resource, population, bucket, count, weight_squares from dependency_sketch_hours
    where (time >= $hours_start and time < $days_start) or (time >= $days_stop and time < $hours_stop)
    union all
    select time, service, resource, population, bucket, count, weight_squares from dependency_sketches
    where (time >= $start and time < $hours_start) or (time >= $hours_stop and time < $stop)
),
cells as (
    select
        $starts[1 + (epoch_us(c.time) - epoch_us($start)) // $unit_us] as time,
        case when $by_service then c.service end as service,
        case when $by_resource then c.resource end as resource,
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
        sum(count) over (partition by time, service, resource order by bucket) as upto,
        sum(count) over (partition by time, service, resource) as total,
        sum(weight_squares) over (partition by time, service, resource) as squares
    from merged),
asked as (
    -- nearest rank; the interval is of the rank: q +- 1.96 sqrt(q(1-q)/n), n after Kish
    select *, 0.95 as q, 1.96 * sqrt(0.95 * (1 - 0.95) * squares) / total as margin
    from ranked),
answered as (
    select time, service, resource, total, squares,
        min(case when upto >= (q - 1e-12) * total then bucket end) as bucket,
        min(case when upto >= (q - margin) * total then bucket end) as bucket_low,
        min(case when q + margin <= 1 and upto >= (q + margin) * total then bucket end) as bucket_high
    from asked
    group by all)
select
    time, service, resource,
    -- the middle of the bucket in log space
    case when bucket = -100000 then 0 else pow(2, (bucket - 0.5) / 32) end as value,
    case when bucket_low = -100000 then 0 else pow(2, (bucket_low - 1) / 32) end as value_low,
    case when bucket_high = -100000 then 0 else pow(2, bucket_high / 32) end as value_high,
    total as count,
    squares as weight_squares
from answered
