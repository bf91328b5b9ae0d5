-- The values of one property of the log events, most frequent first; $property is its name, such as SourceContext.
-- reads: logs
select service, json_extract_string(attributes, '$."' || $property || '"') as value, count(*) as rows
from logs
where time >= $start and time < $stop and json_extract(attributes, '$."' || $property || '"') is not null
group by service, value
order by rows desc, service, value
limit 100
