-- Warnings and worse of the services an incident touched, from ten minutes before it began.
-- reads: incidents logs
select l.time, l.service, l.level, l.message, l.trace_id
from incidents as i
join logs as l on list_contains(i.services, l.service)
where i.id = $incident
  and l.time >= i.impact_start - interval 10 minutes
  and l.time < coalesce(i.impact_end, i.resolved, i.impact_start + interval 1 hour)
  and l.level in ('warning', 'error', 'critical')
order by l.time, l.id
limit 500
