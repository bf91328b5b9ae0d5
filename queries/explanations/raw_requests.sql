-- Of the raw requests of one step and key: how many an exact percentile counts, and how many it leaves out, by reason.
-- reads: requests
-- unit: events
-- by: service operation
with judged as (
    select
        case when population <> 'user' then population when duration_ms is null then 'untimed' end as reason, weight
    from requests
    where time >= $start and time < $stop
      and (not $by_service or service is not distinct from $service)
      and (not $by_operation or operation is not distinct from $operation))
select reason, sum(weight) as count, count(*) as rows
from judged
group by reason
order by reason nulls first
