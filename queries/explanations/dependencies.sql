-- Of the outgoing calls of one step and key: how many a measure counts, and how many it leaves out, by reason.
-- reads: dependency_minutes
-- unit: events
-- by: service resource
with judged as (
    select
        case when population <> 'user' then population
             when $needs_outcome and is_failed is null and status_class is null then 'unknown outcome' end as reason,
        count, raw_count, timed
    from dependency_minutes
    where time >= $start and time < $stop
      and (not $by_service or service is not distinct from $service)
      and (not $by_resource or resource is not distinct from $resource))
select
    reason,
    sum(case when reason is null and $needs_time then timed else count end) as count,
    cast(sum(raw_count) as bigint) as rows
from judged
group by reason
union all
-- rows that lack a duration are among those counted: a rollup keeps only their weight apart
select 'untimed', sum(count - timed), null
from judged
where reason is null and $needs_time
having sum(count - timed) > 0
order by reason nulls first
