-- Calls whose handling began before the call itself, or ended after it: the clocks of caller and callee differ.
-- What a queue hands on may well end later, so it is not held against the end.
-- The offset is that of the callee's clock by the midpoints of call and handling, as in NTP (RFC 5905, section 8).
-- reads: requests dependencies
-- unit: ms
-- by: service
with pairs as (
    select
        d.service as caller, r.service as callee,
        (epoch_us(r.time) - epoch_us(d.time)) / 1000.0 as began_after_ms,
        case when d.kind is distinct from 'queue' then
            (epoch_us(r.time) - epoch_us(d.time)) / 1000.0 + r.duration_ms - d.duration_ms end as ended_after_ms,
        (epoch_us(r.time) - epoch_us(d.time)) / 1000.0 + (r.duration_ms - d.duration_ms) / 2 as offset_ms
    from requests as r
    join dependencies as d on d.trace_id = r.trace_id and d.span_id = r.parent_id
    where r.time >= $start and r.time < $stop
      -- a call is found within the hour around its handling, whatever the clocks say
      and d.time >= $start - interval 1 hour and d.time < $stop + interval 1 hour)
select
    caller, callee,
    count(*) as calls,
    -- microseconds are rounded on both sides
    count(case when began_after_ms < -0.01 then 1 end) as began_before,
    count(case when ended_after_ms > 0.01 then 1 end) as ended_after,
    median(offset_ms) as offset_ms,
    least(0, min(began_after_ms)) as earliest_ms
from pairs
group by caller, callee
order by greatest(began_before, ended_after) desc, calls desc, caller, callee
