-- Exceptions by type and service, with when each was first and last seen.
-- reads: logs
select service, exception_type, count(*) as rows, min(time) as first_time, max(time) as last_time, min(message) as example
from logs
where time >= $start and time < $stop and exception_type is not null
group by service, exception_type
order by rows desc, service, exception_type
