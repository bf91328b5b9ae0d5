-- Of the requests of one step and key: how many a measure counts, and how many it leaves out, by reason.
-- reads: request_cells
-- unit: events
-- by: service operation
with cells as (
    select population, outcome, sum(count) as count, sum(raw_count) as raw_count, sum(timed) as timed
    from request_cells
    where grain = $grain and time >= $start and time < $stop
      and (not $by_service or service is not distinct from $service)
      and (not $by_operation or operation is not distinct from $operation)
    group by all),
judged as (
    select
        case when population <> 'user' then population
             when $needs_outcome and outcome = 'unknown' then 'unknown outcome'
             when $needs_outcome and outcome = 'client_error' and $client_errors = 'excluded' then 'client error'
             end as reason,
        count, raw_count, timed
    from cells)
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
