-- Counters of outgoing calls by minute, service, resource and population class.
-- reads: dependencies
select
    date_trunc('minute', r.time) as time,
    r.service,
    r.resource,
    r.population,
    case when regexp_matches(r.status_code, '^[1-5][0-9][0-9]$') then concat(substr(r.status_code, 1, 1), 'xx') end
        as status_class,
    r.is_failed,
    coalesce(own.apdex_ms, general.apdex_ms) as apdex_ms,
    coalesce(own.slo_ms, general.slo_ms) as slo_ms,
    sum(r.weight) as count,
    count(*) as raw_count,
    sum(r.weight * r.weight) as weight_squares,
    sum(case when r.duration_ms is not null then r.weight else 0 end) as timed,
    -- whole microseconds add up exactly in any order
    sum(r.weight * round(r.duration_ms * 1000)) as duration_us,
    min(r.duration_ms) as duration_min_ms,
    max(r.duration_ms) as duration_max_ms,
    sum(case when r.duration_ms <= coalesce(own.apdex_ms, general.apdex_ms) then r.weight else 0 end) as within_apdex,
    sum(case when r.duration_ms <= 4 * coalesce(own.apdex_ms, general.apdex_ms) then r.weight else 0 end)
        as within_4_apdex,
    sum(case when r.duration_ms <= coalesce(own.slo_ms, general.slo_ms) then r.weight else 0 end) as within_slo
from dependencies as r
left join thresholds as own on own.service = r.service
cross join (select apdex_ms, slo_ms from thresholds where service is null) as general
group by all
