-- Whom the calls of a window came from and how they ended, so that what a KPI leaves out is counted.
-- Good, client_errors, failed and unknown are of users alone; untimed ones count, but are in no latency.
-- A call to another service that got a 4xx failed where the telemetry says so; a request that got one is the client's.
-- reads: request_cells dependency_minutes
-- unit: events
-- by: service
with cells as (
    select 'requests' as table_name, service, population, outcome, raw_count, count, timed
    from request_cells
    where grain = 'minute' and time >= $start and time < $stop
    union all
    select 'dependencies', service, population,
        case when is_failed or status_class = '5xx' then 'failed' when status_class = '4xx' then 'client_error'
             when is_failed = false or status_class is not null then 'good' else 'unknown' end,
        raw_count, count, timed
    from dependency_minutes
    where time >= $start and time < $stop)
select
    table_name, service,
    cast(sum(raw_count) as bigint) as rows,
    sum(count) as count,
    sum(case when population = 'user' then count else 0 end) as user,
    sum(case when population = 'probe' then count else 0 end) as probe,
    sum(case when population = 'synthetic' then count else 0 end) as synthetic,
    sum(case when population = 'user' and outcome = 'good' then count else 0 end) as good,
    sum(case when population = 'user' and outcome = 'client_error' then count else 0 end) as client_errors,
    sum(case when population = 'user' and outcome = 'failed' then count else 0 end) as failed,
    sum(case when population = 'user' and outcome = 'unknown' then count else 0 end) as unknown,
    sum(case when population = 'user' then count - timed else 0 end) as untimed
from cells
group by table_name, service
order by table_name desc, service
