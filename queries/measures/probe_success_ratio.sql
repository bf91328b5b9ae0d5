-- Share of health probes that succeeded.
-- reads: probe_minutes
-- unit: ratio
-- by: service
-- better: higher
-- range: 0..1
-- interval: wilson
with steps as (select unnest($edges) as step),
cells as (
    select
        s.step as time,
        case when $by_service then c.service end as service,
        c.count, c.weight_squares, c.failed
    from probe_minutes as c
    asof join steps as s on c.time >= s.step
    where c.time >= $start and c.time < $stop
)
select
    time, service,
    1 - sum(failed) / sum(count) as value,
    sum(count) as count,
    sum(weight_squares) as weight_squares
from cells
group by all
