-- Message templates by the bytes they fill.
-- reads: logs
select
    service, level, template, count(*) as rows,
    sum(strlen(coalesce(message, '')) + strlen(coalesce(exception, '')) + strlen(coalesce(cast(attributes as varchar), '')))
        as bytes
from logs
where time >= $start and time < $stop
group by service, level, template
order by bytes desc, service, template
limit 50
