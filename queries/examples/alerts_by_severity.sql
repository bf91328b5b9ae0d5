-- Which alerts there were, by severity, how many are still open, and the newest.
-- reads: alerts
select
    severity, count(*) as alerts, count(*) filter (where state in ('new', 'acknowledged')) as open, max(time) as newest
from alerts
where time >= $start and time < $stop
group by all
order by alerts desc, severity
