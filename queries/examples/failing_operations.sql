-- Operations by how many of their user requests failed, from rollups.
-- reads: request_cells
select service, operation, sum(count) as requests, sum(case when outcome = 'failed' then count else 0 end) as failed
from request_cells
where grain = 'hour' and time >= $start and time < $stop and population = 'user'
group by service, operation
having failed > 0
order by failed desc, service, operation
limit 50
