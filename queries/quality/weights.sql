-- How many events the rows of a window stand for, and where that cannot be: ItemCount itself can be wrong.
-- A warning is given where
--   one row carries over 10 % of a service-hour of 100 rows or more: what that hour says rests on it
--   the heaviest weighs over 1000 times the median: adaptive sampling keeps at least 0.1 % (its default floor)
--   100 rows or more tell no more than a tenth as many even ones (Kish's effective size: sum squared by sum of squares)
--   an instance shows over 10 weights in most of its minutes of 20 rows or more: adaptive sampling changes its rate
--     every 15 seconds at most, so that many are no rates of sampling but something else written there
--   ItemCount of Azure is no whole number
--   over 10 % of traces hold different weights within a service and source: the items of an operation are kept together,
--     and of traces under a second at most one in 15 meets a change of rate; no ratio across tables holds then; traces
--     of about half a million rows are compared, taken by their hash, and all where there are fewer
--   requests weigh more or less than was counted before sampling, by the metric of HTTP requests or else the access log,
--     by over 5 % and three standard errors of sampling (Horvitz and Thompson: sum of w(w-1)); full hours only, so the
--     first and the last hour told are left out; probes may be counted or not, so both bounds allow for them
-- reads: requests dependencies logs probes metric_cells
-- unit: events
-- by: service
with counted as (
    select 'requests' as table_name, service, source, instance, epoch_us(time) // 60000000 as minute, weight,
        regexp_matches(status_code, '^[1-5][0-9][0-9]$') as is_http, population = 'probe' as is_probe, count(*) as rows
    from requests where time >= $start and time < $stop group by all
    union all by name
    select 'dependencies' as table_name, service, source, instance, epoch_us(time) // 60000000 as minute, weight,
        count(*) as rows
    from dependencies where time >= $start and time < $stop group by all
    union all by name
    select 'logs' as table_name, service, source, instance, epoch_us(time) // 60000000 as minute, weight,
        count(*) as rows
    from logs where time >= $start and time < $stop group by all
    union all by name
    select 'probes' as table_name, service, source, instance, epoch_us(time) // 60000000 as minute, weight,
        count(*) as rows
    from probes where time >= $start and time < $stop group by all),
weights as (
    select table_name, service, source, weight, sum(rows) as rows from counted group by all),
ranked as (
    select *,
        sum(rows) over (partition by table_name, service, source) as all_rows,
        sum(rows) over (partition by table_name, service, source order by weight) as upto,
        sum(rows) over (partition by table_name, service, source order by weight desc) - rows as heavier
    from weights),
totals as (
    select table_name, service, source,
        cast(sum(rows) as bigint) as rows,
        sum(rows * weight) as weight,
        min(weight) as weight_min,
        min(case when upto * 2 >= all_rows then weight end) as weight_median,
        max(weight) as weight_max,
        power(sum(rows * weight), 2) / sum(rows * weight * weight) as effective_rows,
        sum(greatest(0, least(rows, ceil(all_rows / 100.0) - heavier)) * weight) / sum(rows * weight) as heaviest_share,
        cast(sum(case when weight <> round(weight) then rows else 0 end) as bigint) as fractional
    from ranked
    group by all),
hours as (
    select table_name, service, source, minute // 60 as hour, sum(rows) as rows, max(weight) / sum(rows * weight) as share
    from counted
    group by all),
minutes as (
    select table_name, service, source, instance, minute, count(distinct weight) as rates
    from counted
    where instance is not null
    group by all
    having sum(rows) >= 20),
heavy as (
    select table_name, service, source, max(case when rows >= 100 then share end) as row_share from hours group by all),
rates as (
    select table_name, service, source, quantile_disc(rates, 0.5) as rates from minutes group by all),
varied as (
    -- where all weigh the same none can differ, and no trace need be looked at
    select service, source from weights where table_name in ('requests', 'dependencies')
    group by all having min(weight) < max(weight)),
calls as (
    select service, source, trace_id, weight from requests where time >= $start and time < $stop
    union all
    select service, source, trace_id, weight from dependencies where time >= $start and time < $stop),
thinning as (
    select greatest(1, cast(sum(rows) as bigint) // 500000) as one_in
    from weights
    where table_name in ('requests', 'dependencies')),
traces as (
    select c.service, c.source, c.trace_id, min(c.weight) < max(c.weight) as is_apart
    from calls as c
    join varied as v on v.service = c.service and v.source = c.source
    cross join thinning
    where c.trace_id is not null and hash(c.trace_id) % one_in = 0
    group by all
    having count(*) > 1),
apart as (
    select service, source, count(*) as traces, count(case when is_apart then 1 end) as traces_apart
    from traces
    group by all),
metric_hours as (
    -- a point tells of the time before it
    select service, name as reference, (epoch_us(time) // 60000000 - 1) // 60 as hour, sum(count) as told,
        sum(case when not regexp_matches(series, '/(healthz?|livez?|readyz?|alive|live|ready|startup)\b') then count end)
            as told_without_probes
    from metric_cells
    where time > $start and time <= $stop
      and name in ('http.server.request.duration', 'http.server.duration', 'requests/duration')
    group by all),
access_hours as (
    select service, source as reference, minute // 60 as hour, sum(rows * weight) as told,
        sum(case when is_probe then 0 else rows * weight end) as told_without_probes
    from counted
    where source = 'access_log_files'
    group by all),
told_hours as (
    select * from metric_hours
    union all
    select a.* from access_hours as a where not exists (select 1 from metric_hours as m where m.service = a.service)),
full_hours as (
    select *, hour > min(hour) over one and hour < max(hour) over one as is_full
    from told_hours
    window one as (partition by service, reference)),
request_hours as (
    select service, minute // 60 as hour,
        sum(rows * weight) as weight,
        sum(case when is_probe then 0 else rows * weight end) as weight_without_probes,
        sum(rows * weight * (weight - 1)) as variance
    from counted
    where table_name = 'requests' and source <> 'access_log_files' and is_http
    group by all),
compared as (
    select f.service, f.reference,
        sum(f.told) as told, sum(f.told_without_probes) as told_without_probes,
        sum(coalesce(r.weight, 0)) as weight, sum(coalesce(r.weight_without_probes, 0)) as weight_without_probes,
        3 * sqrt(greatest(sum(r.variance), 0)) + 0.05 * sum(f.told) as tolerance
    from full_hours as f
    left join request_hours as r on r.service = f.service and r.hour = f.hour
    where f.is_full
    group by f.service, f.reference
    -- one service may tell the same under an old and a new name
    qualify row_number() over (partition by f.service order by sum(f.told) desc, f.reference) = 1),
judged as (
    select
        t.*,
        case when t.table_name in ('requests', 'dependencies') then a.traces end as traces,
        case when t.table_name in ('requests', 'dependencies') then a.traces_apart end as traces_apart,
        c.reference, c.told as reference_count, c.weight as reference_weight,
        [case when h.row_share > 0.1 then
            format('one row carries {:.0f} % of its hour', h.row_share * 100) end,
         case when t.weight_max > 1000 * t.weight_median then
            format('the heaviest row weighs {:.0f} times the median', t.weight_max / t.weight_median) end,
         case when t.rows >= 100 and t.effective_rows * 10 < t.rows then
            format('weights so uneven that {:d} rows tell as much as {:.0f} even ones', t.rows, t.effective_rows) end,
         case when r.rates > 10 then
            format('{:d} different weights in a usual minute of one instance are no rates of sampling', r.rates) end,
         case when t.source like 'azure%' and t.fractional > 0 then
            format('ItemCount of {:d} rows is no whole number', t.fractional) end,
         case when t.table_name in ('requests', 'dependencies') and a.traces_apart > 0.1 * a.traces then
            format('rows of one trace weigh differently in {:d} of {:d} traces', a.traces_apart, a.traces) end,
         case when c.weight_without_probes > c.told + c.tolerance then
            format('rows stand for {:.0f} requests where {} counted {:.0f}', c.weight_without_probes, c.reference, c.told)
              when c.weight < c.told_without_probes - c.tolerance then
            format('rows stand for {:.0f} requests where {} counted {:.0f}: some left no row or weigh too little',
                c.weight, c.reference, c.told_without_probes) end
        ] as warnings
    from totals as t
    left join heavy as h on h.table_name = t.table_name and h.service is not distinct from t.service and h.source = t.source
    left join rates as r on r.table_name = t.table_name and r.service is not distinct from t.service and r.source = t.source
    left join apart as a on a.service = t.service and a.source = t.source
    left join compared as c
        on c.service = t.service and t.table_name = 'requests' and t.source <> 'access_log_files')
select * exclude (warnings), nullif(array_to_string(list_filter(warnings, lambda w: w is not null), '; '), '') as warning
from judged
order by table_name, service, source
