-- Counters of requests merged over a whole window: what a scorecard asks many measures of, in a handful of rows.
-- reads: request_cells
with merged as (
    select
        service, resource, population, status_class, is_failed,
        -- these two tell the outcome, which makes it no key of its own
        any_value(outcome) as outcome,
        sum(count) as count, sum(weight_squares) as weight_squares, sum(timed) as timed, sum(duration_us) as duration_us,
        sum(within_apdex) as within_apdex, sum(within_4_apdex) as within_4_apdex
    from store.main.request_cells
    -- whole hours are read from the hours where those are fewer rows
    where (grain = 'hour' and time >= $hours_start and time < $hours_stop)
       or (grain = 'minute' and ((time >= $start and time < $hours_start) or (time >= $hours_stop and time < $stop)))
    group by service, resource, population, status_class, is_failed)
-- a window is one step, which both grains answer alike
select
    $start as time, grain, cast(null as varchar) as operation, unnest([service, $whole]) as service, * exclude (grain, service)
from merged
cross join (select unnest(['minute', 'hour']) as grain)
