-- Log events and bytes by minute, service and level; what the cluster says of a service is not what the service logged.
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
where resource is distinct from 'kubernetes'
group by all
