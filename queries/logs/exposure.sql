-- What log volume is held against: user requests of each service, and the minutes in which it was heard of.
-- reads: request_minutes observed_minutes
-- unit: 1
-- by: service
with asked as (
    select service, sum(count) as requests
    from request_minutes
    where time >= $start and time < $stop and population = 'user'
    group by service),
heard as (
    select service, cast(count(*) as double) as minutes
    from observed_minutes
    where time >= $start and time < $stop
    group by service)
select heard.service, heard.minutes, coalesce(asked.requests, 0) as requests
from heard
left join asked on asked.service is not distinct from heard.service
where $service is null or heard.service = $service
order by heard.service
