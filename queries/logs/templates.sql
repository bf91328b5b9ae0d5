-- Log events by message template where the log brings one (@mt, @i, {OriginalFormat}); a null template is all the rest.
-- reads: logs
-- unit: 1
-- by: service
select
    service,
    level,
    template,
    sum(weight) as count,
    count(*) as rows,
    cast(sum(strlen(coalesce(message, '')) + strlen(coalesce(exception, ''))
        + strlen(coalesce(cast(attributes as varchar), ''))) as double) as bytes,
    min(time) as first_time,
    max(time) as last_time,
    -- the earliest, so that two runs show the same
    arg_min(message, (time, id)) as example
from logs
where time >= $start and time < $stop and ($service is null or service = $service)
  and resource is distinct from 'kubernetes'
group by service, level, template
order by count desc, service, level, template
