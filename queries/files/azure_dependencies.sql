-- AppDependencies as dependencies; an operation is the call's own name, not the request's that made it.
select
    line, at_time as "time", service, instance, weight, synthetic, received_at,
    coalesce(nullif(Name, ''), nullif(OperationName, '')) as operation,
    nullif(Target, '') as resource,
    case
        when lower(DependencyType) like '%dapr%' then 'dapr'
        when lower(DependencyType) like '%redis%' then 'redis'
        when lower(DependencyType) like '%sql%' then 'sql'
        when lower(DependencyType) like 'http%' then 'http'
        when regexp_matches(lower(DependencyType), 'queue|service bus|servicebus|event hubs|eventhub|rabbitmq|kafka') then 'queue'
        else nullif(DependencyType, '') end as kind,
    try_cast(DurationMs as double) as duration_ms,
    not try_cast(Success as boolean) as is_failed,
    nullif(ResultCode, '') as status_code,
    nullif(OperationId, '') as trace_id,
    nullif(Id, '') as span_id,
    nullif(ParentId, '') as parent_id,
    coalesce(p[1], p[2], p[3]) as tenant,
    coalesce(p[4], p[5]) as user_agent,
    case when regexp_matches("Data", 'health|live|ready|startup') then
        nullif(regexp_extract("Data", '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^?#]*)', 1), '') end as url_path
from staged
where record_type = 'AppDependencies'
