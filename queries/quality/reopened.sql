-- What late rows of a pull changed: by service and day the minutes they re-opened, with the answer before and after.
-- Late is a row older than what an earlier pull of its source had told of its service, in one of the entries given.
-- reads: requests request_cells watermarks
-- unit: 1
-- by: service
with reached as (
    select service, max(time) as reached
    from watermarks
    where table_name = 'requests' and source = $source and pull <> $pull
    group by service),
late as (
    select
        date_trunc('minute', r.time) as time, r.service, r.weight, r.is_failed,
        case when regexp_matches(r.status_code, '^[1-5][0-9][0-9]$') then concat(substr(r.status_code, 1, 1), 'xx') end
            as status_class
    from requests as r
    join reached as w on w.service = r.service
    where r.entry in (select unnest($entries)) and r.source = $source and r.population = 'user' and r.time < date_trunc('minute', w.reached)),
touched as (select distinct time, service from late),
cells as (
    select c.time, c.service, c.status_class, c.is_failed, c.outcome, c.count
    from request_cells as c
    semi join touched as t on t.time = c.time and t.service = c.service
    where c.grain = 'minute' and c.population = 'user'
      and c.time >= (select min(time) from touched) and c.time <= (select max(time) from touched)),
outcomes as (select distinct status_class, is_failed, outcome from cells),
changes as (
    select service, time, outcome, count as after, 0.0 as added from cells
    union all
    select l.service, l.time, o.outcome, 0.0 as after, l.weight as added
    from late as l
    join outcomes as o on o.status_class is not distinct from l.status_class
                      and o.is_failed is not distinct from l.is_failed),
judged as (
    select
        service, date_trunc('day', time) as day, time, after, added,
        outcome = 'failed' or (outcome = 'client_error' and $client_errors = 'failed') as is_bad,
        outcome <> 'unknown' and not (outcome = 'client_error' and $client_errors = 'excluded') as is_valid
    from changes)
select
    service, day,
    count(distinct time) as minutes,
    sum(after - added) as requests_before,
    sum(after) as requests_after,
    sum(case when is_valid and is_bad then after - added else 0 end)
        / nullif(sum(case when is_valid then after - added else 0 end), 0) as error_ratio_before,
    sum(case when is_valid and is_bad then after else 0 end)
        / nullif(sum(case when is_valid then after else 0 end), 0) as error_ratio_after
from judged
group by service, day
order by service, day
