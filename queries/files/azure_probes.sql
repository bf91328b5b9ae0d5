-- AppAvailabilityResults as probes.
select
    line, at_time as "time", service, nullif(Name, '') as operation, nullif("Location", '') as instance, weight,
    'availability' as kind,
    not try_cast(Success as boolean) as is_failed,
    try_cast(DurationMs as double) as duration_ms,
    nullif("Message", '') as message,
    coalesce(p[1], p[2], p[3]) as tenant
from staged
where record_type = 'AppAvailabilityResults'
