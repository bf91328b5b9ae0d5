-- Metric points by minute, series and canonical name; a name that metric_names.csv does not know stays as reported.
-- reads: metrics
select
    date_trunc('minute', m.time) as time,
    m.service,
    m.instance,
    m.resource,
    coalesce(n.name, m.name) as name,
    m.kind,
    -- a mean needs sum and count of the same point: both as sent, or the value as often as it was counted
    sum(case when m.sum is not null and m.count is null and m.value is not null then 1
             else coalesce(m.count, 1) end) as count,
    sum(case when m.sum is not null and (m.count is not null or m.value is null) then m.sum
             else m.value * coalesce(m.count, 1) end * coalesce(n.factor, 1)) as sum,
    min(coalesce(m.min, m.value) * coalesce(n.factor, 1)) as min,
    max(coalesce(m.max, m.value) * coalesce(n.factor, 1)) as max,
    arg_max(coalesce(m.value, m.sum) * coalesce(n.factor, 1), m.time) as last,
    max(m.time) as last_time
from metrics as m
left join metric_names as n on n.reported = m.name
group by all
