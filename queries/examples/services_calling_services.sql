-- Who calls whom and how long it takes, as the caller saw it: a call and the request it caused share trace and span.
-- reads: dependencies requests
select
    d.service as caller, r.service as callee, sum(d.weight) as calls,
    sum(d.duration_ms * d.weight) / sum(d.weight) as mean_ms, max(d.duration_ms) as worst_ms
from dependencies as d
join requests as r on r.trace_id = d.trace_id and r.parent_id = d.span_id
where d.time >= $start and d.time < $stop
  -- the request may have begun a little outside, for its clock is another one
  and r.time >= $start::timestamptz - interval 1 hour and r.time < $stop::timestamptz + interval 1 hour
group by all
order by calls desc, caller, callee
