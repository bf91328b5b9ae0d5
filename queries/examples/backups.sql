-- Which backups completed: jobs and failures of each service, and the newest that completed.
-- reads: recoveries
select
    service, count(*) as jobs, count(*) filter (where is_failed) as failed,
    max(time) filter (where not is_failed) as last_completed
from recoveries
where time >= $start and time < $stop and kind = 'backup'
group by all
order by failed desc, service
