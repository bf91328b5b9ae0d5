-- Health probes by minute, service and kind.
-- reads: probes
select
    date_trunc('minute', time) as time,
    service,
    kind,
    sum(weight) as count,
    sum(weight * weight) as weight_squares,
    sum(case when is_failed then weight else 0 end) as failed
from probes
group by all
