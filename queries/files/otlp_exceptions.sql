-- Exception events of spans as log rows of level error.
with
    events as (
        select
            line, service, operation, instance, tenant, trace_id, span_id, weight,
            unnest(exceptions) as event
        from staged
        where len(exceptions) > 0
    ),
    fields as (
        select
            *,
            try_cast(event.timeUnixNano as bigint) as event_ns,
            list_transform(event.attributes, lambda a: a."key") as keys,
            list_transform(event.attributes, lambda a: coalesce(
                a."value".stringValue, a."value".intValue, a."value".doubleValue, a."value".boolValue)) as vals
        from events
    )
select
    line, service, operation, instance, tenant, trace_id, span_id, weight,
    case when event_ns > 0 then make_timestamptz(event_ns // 1000) end as "time",
    'error' as level,
    vals[list_position(keys, 'exception.message')] as message,
    vals[list_position(keys, 'exception.type')] as exception_type,
    vals[list_position(keys, 'exception.stacktrace')] as exception
from fields
