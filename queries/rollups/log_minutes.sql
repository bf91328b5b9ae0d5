-- Log events and bytes by minute, service and level.
-- reads: logs
select
    date_trunc('minute', time) as time,
    service,
    level,
    sum(weight) as count,
    sum(weight * weight) as weight_squares,
    count(*) as raw_count,
    sum(strlen(coalesce(message, '')) + strlen(coalesce(exception, '')) + strlen(coalesce(cast(attributes as varchar), ''))) as bytes
from logs
group by all
