-- AppTraces, AppExceptions and AppEvents as log rows.
select
    line, at_time as "time", service, instance, weight, received_at,
    nullif(OperationName, '') as operation,
    coalesce(p[1], p[2], p[3]) as tenant,
    case lower(coalesce(nullif(SeverityLevel, ''), case when record_type = 'AppExceptions' then '3' else '1' end))
        when '0' then 'verbose' when '1' then 'information' when '2' then 'warning' when '3' then 'error'
        when '4' then 'critical' when 'verbose' then 'verbose' when 'information' then 'information'
        when 'warning' then 'warning' when 'error' then 'error' when 'critical' then 'critical' end as level,
    case record_type
        when 'AppTraces' then "Message"
        when 'AppEvents' then Name
        else coalesce(nullif(InnermostMessage, ''), nullif(OuterMessage, ''), nullif("Message", ''),
            try_cast(Details as json) ->> '$[0].message') end as message,
    coalesce(p[6], p[7], p[8], p[9]) as template,
    case when record_type = 'AppExceptions'
        then coalesce(nullif(ExceptionType, ''), try_cast(Details as json) ->> '$[0].type') end as exception_type,
    case when record_type = 'AppExceptions'
        then coalesce(try_cast(Details as json) ->> '$[0].rawStack', nullif(Details, '')) end as exception,
    try_cast(Properties as json) as attributes,
    nullif(OperationId, '') as trace_id,
    nullif(ParentId, '') as span_id
from staged
where record_type in ('AppTraces', 'AppExceptions', 'AppEvents')
