-- Message templates that were written in the window and never before it.
-- reads: logs
select service, template, min(level) as level, count(*) as rows, min(time) as first_time, min(message) as example
from logs
where template is not null and time < $stop
group by service, template
having min(time) >= $start
order by rows desc, service, template
limit 100
