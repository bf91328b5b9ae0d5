-- What Kubernetes said of pods: kills, failing probes, scaling, back-offs.
-- reads: logs
select time, service, instance, level, template as reason, message
from logs
where time >= $start and time < $stop and resource = 'kubernetes'
order by time, id
limit 500
