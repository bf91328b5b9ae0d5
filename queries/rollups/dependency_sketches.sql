-- Durations of outgoing calls in buckets of base 2^(1/32) by 5 minutes and service; a null bucket holds durations of 0.
-- reads: dependencies
select
    time_bucket(interval '5 minutes', time) as time,
    service,
    resource,
    population,
    -- bucket k holds (2^((k-1)/32), 2^(k/32)] ms: OpenTelemetry's exponential histogram at scale 5, index k-1
    case when duration_ms > 0 then cast(ceil(log2(duration_ms) * 32) as integer) end as bucket,
    sum(weight) as count,
    sum(weight * weight) as weight_squares
from dependencies
where duration_ms is not null
group by all
