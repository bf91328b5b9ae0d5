-- Services that ever sent a request or answered a probe: the ones a scorecard speaks of.
-- reads: operation_hours
-- unit: 1
-- by: service
select distinct service from operation_hours where service is not null and population <> 'synthetic'
union select distinct service from probe_minutes where service is not null
order by 1
