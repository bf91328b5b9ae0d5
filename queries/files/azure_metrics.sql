-- AppMetrics, AppPerformanceCounters and platform metrics as data points.
select
    line, at_time as "time", service, instance,
    case when record_type = 'platform' then resource_id end as resource,
    coalesce(p[1], p[2], p[3]) as tenant,
    coalesce(nullif(metricName, ''), nullif(Name, ''), nullif(Counter, '')) as name,
    unit,
    case when record_type = 'AppMetrics' then 'delta' else 'gauge' end as kind,
    try_cast(case record_type when 'AppPerformanceCounters' then "Value" when 'platform' then average end as double) as "value",
    case record_type when 'AppMetrics' then weight when 'platform' then try_cast("count" as double) end as "count",
    try_cast(case record_type when 'AppMetrics' then "Sum" when 'platform' then total end as double) as "sum",
    try_cast(case record_type when 'AppMetrics' then "Min" when 'platform' then minimum end as double) as "min",
    try_cast(case record_type when 'AppMetrics' then "Max" when 'platform' then maximum end as double) as "max",
    case record_type
        when 'platform' then try_cast(dimensions as json)
        when 'AppPerformanceCounters' then to_json({'category': Category, 'counter': Counter, 'instance': counter_instance})
        else try_cast(Properties as json) end as attributes
from staged
where record_type in ('AppMetrics', 'AppPerformanceCounters', 'platform')
