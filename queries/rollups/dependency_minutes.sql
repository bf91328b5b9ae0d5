-- Counters of outgoing calls by minute, service, resource and population class.
-- reads: dependencies
with
    -- by code first: codes are few, so what class they are of is asked seldom
    codes as (
        select
            date_trunc('minute', r.time) as time,
            r.service,
            r.resource,
            r.population,
            r.status_code,
            r.is_failed,
            -- one pair for a service
            max(coalesce(own.apdex_ms, general.apdex_ms)) as apdex_ms,
            max(coalesce(own.slo_ms, general.slo_ms)) as slo_ms,
            sum(r.weight) as count,
            count(*) as raw_count,
            sum(r.weight * r.weight) as weight_squares,
            -- access logs may not say how long a request took: it counts, but is neither fast nor slow
            sum(case when r.duration_ms is not null then r.weight else 0 end) as timed,
            -- whole microseconds add up exactly in any order
            sum(r.weight * round(r.duration_ms * 1000)) as duration_us,
            min(r.duration_ms) as duration_min_ms,
            max(r.duration_ms) as duration_max_ms,
            sum(case when r.duration_ms <= coalesce(own.apdex_ms, general.apdex_ms) then r.weight else 0 end)
                as within_apdex,
            sum(case when r.duration_ms <= 4 * coalesce(own.apdex_ms, general.apdex_ms) then r.weight else 0 end)
                as within_4_apdex,
            sum(case when r.duration_ms <= coalesce(own.slo_ms, general.slo_ms) then r.weight else 0 end) as within_slo
        from dependencies as r
        left join thresholds as own on own.service = r.service
        cross join (select apdex_ms, slo_ms from thresholds where service is null) as general
        group by date_trunc('minute', r.time), r.service, r.resource, r.population, r.status_code, r.is_failed
    )
select
    time, service, resource, population,
    case when regexp_matches(status_code, '^[1-5][0-9][0-9]$') then concat(substr(status_code, 1, 1), 'xx') end
        as status_class,
    is_failed, apdex_ms, slo_ms,
    sum(count) as count,
    cast(sum(raw_count) as bigint) as raw_count,
    sum(weight_squares) as weight_squares,
    sum(timed) as timed,
    sum(duration_us) as duration_us,
    min(duration_min_ms) as duration_min_ms,
    max(duration_max_ms) as duration_max_ms,
    sum(within_apdex) as within_apdex,
    sum(within_4_apdex) as within_4_apdex,
    sum(within_slo) as within_slo
from codes
group by
    time, service, resource, population,
    case when regexp_matches(status_code, '^[1-5][0-9][0-9]$') then concat(substr(status_code, 1, 1), 'xx') end,
    is_failed, apdex_ms, slo_ms
