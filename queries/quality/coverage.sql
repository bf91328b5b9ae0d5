-- Minutes in which a service was heard of, its longest silence, and when it was first and last heard of in the window.
-- reads: observed_minutes
-- unit: minutes
-- by: service
with heard as (
    select
        service, time,
        date_diff('minute', lag(time, 1, $start - interval 1 minute) over (partition by service order by time), time) - 1
            as silence
    from observed_minutes
    where time >= $start and time < $stop and service is not null),
known as (
    -- a service that was heard of before the window and not in it is silent, not absent
    select distinct service from observed_minutes where service is not null and time < $stop)
select
    k.service,
    count(h.time) as observed,
    -- the silence at the end counts too
    greatest(
        coalesce(max(h.silence), 0),
        coalesce(date_diff('minute', max(h.time), $stop) - 1, date_diff('minute', $start, $stop))) as longest_silence,
    min(h.time) as first_heard,
    max(h.time) as last_heard
from known as k
left join heard as h on h.service = k.service
group by k.service
order by k.service
