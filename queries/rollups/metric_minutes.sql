-- Metric points by minute, series and canonical name; a name that metric_names.csv does not know stays as reported.
-- A series is what one instrument tells: its reported name, operation, tenant and attributes, these in a fixed order.
-- What counts since a start (counters, histograms with started_at) keeps its points: differences between them, resets
-- included, come out the same whatever the order and the parts in which they arrived.
-- reads: metrics
with labels as (
    -- by distinct text: the same few attributes stand at every point
    select attributes, coalesce(
        cast(list_sort(map_entries(try_cast(attributes as map(varchar, json)))) as varchar), cast(attributes as varchar))
        as label
    from (select distinct attributes from metrics)),
points as (
    select
        m.time, m.service, m.instance, m.resource,
        coalesce(n.name, m.name) as name,
        concat_ws(' ', m.name, m.operation, m.tenant, l.label) as series,
        case when m.started_at is not null and m.kind in ('histogram', 'exponential_histogram')
                then concat('cumulative_', m.kind)
             -- some tell a counter as a gauge
             when m.kind = 'gauge' then coalesce(n.kind, m.kind)
             else m.kind end as kind,
        m.started_at, m.count, m.value,
        m.value * coalesce(n.factor, 1) as scaled_value,
        m.sum * coalesce(n.factor, 1) as scaled_sum,
        m.min * coalesce(n.factor, 1) as scaled_min,
        m.max * coalesce(n.factor, 1) as scaled_max
    from metrics as m
    left join metric_names as n on n.reported = m.name
    left join labels as l on l.attributes = m.attributes)
select
    date_trunc('minute', time) as time,
    service, instance, resource, name, series, kind,
    -- a mean needs sum and count of the same point: both as sent, or the value as often as it was counted;
    -- running totals are not added up: their count is that of the points, and they have no sum
    sum(case when kind like 'cumulative%' or (scaled_sum is not null and count is null and value is not null) then 1
             else coalesce(count, 1) end) as count,
    sum(case when kind like 'cumulative%' then null
             when scaled_sum is not null and (count is not null or value is null) then scaled_sum
             else scaled_value * coalesce(count, 1) end) as sum,
    -- a running histogram tells the least and greatest since its start, not of the minute
    min(case when kind not like 'cumulative\_%' escape '\' then coalesce(scaled_min, scaled_value) end) as min,
    max(case when kind not like 'cumulative\_%' escape '\' then coalesce(scaled_max, scaled_value) end) as max,
    arg_max(coalesce(scaled_value, scaled_sum), row(time, coalesce(scaled_value, scaled_sum))) as last,
    max(time) as last_time,
    nullif(list_sort(list_distinct(list({
        'time_us': epoch_us(time), 'started_us': epoch_us(started_at),
        'sum': coalesce(scaled_value, scaled_sum), 'count': count}) filter (where kind like 'cumulative%'))), [])
        as points
from points
group by all
