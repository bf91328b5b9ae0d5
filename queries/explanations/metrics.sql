-- Of the metric points of one step and key: how many a measure counts, and how many it leaves out, by reason.
-- reads: metric_minutes
-- unit: events
-- by: service instance resource
with judged as (
    select
        case when $needs_level and kind in ('delta', 'cumulative') then 'counter, not a level' end as reason, count
    from metric_minutes
    where time >= $start and time < $stop and list_contains($names, name)
      and (not $by_service or service is not distinct from $service)
      and (not $by_instance or instance is not distinct from $instance)
      and (not $by_resource or resource is not distinct from $resource))
select reason, sum(count) as count, cast(null as bigint) as rows
from judged
group by reason
order by reason nulls first
