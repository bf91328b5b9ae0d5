-- Every span of an OTLP/JSON file, one row each, with the attributes the canonical tables ask for.
-- A line that holds no spans stops the reading unless the file is known to be mixed.
with
    lines as (
        select __line as line, unnest(resourceSpans) as rs
        from read_json(
            $file, format = 'newline_delimited', records = true, maximum_object_size = 33554432,
            columns = {
                '__line': 'BIGINT', 'resourceLogs': 'JSON', 'resourceMetrics': 'JSON',
                'resourceSpans': 'STRUCT(
                    resource STRUCT(attributes STRUCT("key" VARCHAR, "value" STRUCT(stringValue VARCHAR,
                        intValue VARCHAR, doubleValue VARCHAR, boolValue VARCHAR))[]),
                    scopeSpans STRUCT(spans STRUCT(
                        traceId VARCHAR, spanId VARCHAR, parentSpanId VARCHAR, traceState VARCHAR, "name" VARCHAR,
                        kind VARCHAR, startTimeUnixNano VARCHAR, endTimeUnixNano VARCHAR,
                        attributes STRUCT("key" VARCHAR, "value" STRUCT(stringValue VARCHAR,
                            intValue VARCHAR, doubleValue VARCHAR, boolValue VARCHAR))[],
                        events STRUCT("name" VARCHAR, timeUnixNano VARCHAR,
                            attributes STRUCT("key" VARCHAR, "value" STRUCT(stringValue VARCHAR,
                                intValue VARCHAR, doubleValue VARCHAR, boolValue VARCHAR))[])[],
                        status STRUCT(code VARCHAR))[])[])[]'
            })
        where case
            when $is_mixed or (resourceSpans is not null and resourceLogs is null and resourceMetrics is null) then true
            else error('a line without resourceSpans alone: ' || coalesce(__line, 0)) end
    ),
    scopes as (
        select
            line,
            list_transform(rs.resource.attributes, lambda a: a."key") as rkeys,
            list_transform(rs.resource.attributes, lambda a: coalesce(
                a."value".stringValue, a."value".intValue, a."value".doubleValue, a."value".boolValue)) as rvalues,
            unnest(rs.scopeSpans) as ss
        from lines
    ),
    spans as (
        select
            line,
            coalesce(nullif(rvalues[list_position(rkeys, 'service.name')], ''), 'unknown_service') as service,
            coalesce(
                rvalues[list_position(rkeys, 'service.instance.id')],
                rvalues[list_position(rkeys, 'k8s.pod.name')],
                rvalues[list_position(rkeys, 'host.name')]) as instance,
            unnest(ss.spans) as s
        from scopes
    ),
    fields as (
        select
            line, service, instance, s."name" as name, s.kind as span_kind,
            coalesce(s.kind in ('2', '5', 'SPAN_KIND_SERVER', 'SPAN_KIND_CONSUMER'), false) as is_handled, s.traceState as trace_state,
            s.status.code as code,
            lower(nullif(s.traceId, '')) as trace_id,
            lower(nullif(s.spanId, '')) as span_id,
            lower(nullif(s.parentSpanId, '')) as parent_id,
            try_cast(s.startTimeUnixNano as bigint) as start_ns,
            try_cast(s.endTimeUnixNano as bigint) as end_ns,
            list_filter(s.events, lambda e: e."name" = 'exception') as exceptions,
            list_transform(s.attributes, lambda a: a."key") as keys,
            list_transform(s.attributes, lambda a: coalesce(
                a."value".stringValue, a."value".intValue, a."value".doubleValue, a."value".boolValue)) as vals
        from spans
    ),
    picked as (
        select
            * exclude (keys, vals),
            coalesce(vals[list_position(keys, 'http.request.method')], vals[list_position(keys, 'http.method')]) as method,
            vals[list_position(keys, 'http.route')] as route,
            coalesce(
                vals[list_position(keys, 'url.path')],
                split_part(vals[list_position(keys, 'http.target')], '?', 1),
                regexp_extract(
                    coalesce(vals[list_position(keys, 'url.full')], vals[list_position(keys, 'http.url')]),
                    '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^?#]*)', 1)) as path,
            coalesce(
                vals[list_position(keys, 'http.response.status_code')],
                vals[list_position(keys, 'http.status_code')],
                vals[list_position(keys, 'rpc.grpc.status_code')]) as status_code,
            coalesce(
                vals[list_position(keys, 'microsoft.sample_rate')],
                vals[list_position(keys, '_MS.sampleRate')]) as sample_rate,
            coalesce(
                vals[list_position(keys, 'tenant.id')], vals[list_position(keys, 'enduser.tenant')],
                vals[list_position(keys, 'erp.tenant')]) as tenant,
            coalesce(
                vals[list_position(keys, 'db.namespace')], vals[list_position(keys, 'db.name')],
                vals[list_position(keys, 'messaging.destination.name')],
                vals[list_position(keys, 'server.address')], vals[list_position(keys, 'peer.service')],
                vals[list_position(keys, 'net.peer.name')]) as resource,
            coalesce(vals[list_position(keys, 'db.system.name')], vals[list_position(keys, 'db.system')]) as db_system,
            vals[list_position(keys, 'messaging.system')] as messaging_system,
            vals[list_position(keys, 'rpc.system')] as rpc_system,
            -- only of calls the kind is kept
            case when not is_handled then contains(lower(concat_ws(' ', name, vals[list_position(keys, 'rpc.service')],
                array_to_string(keys, ' '))), 'dapr') else false end as is_dapr,
            vals[list_position(keys, 'user_agent.synthetic.type')] as synthetic,
            coalesce(
                vals[list_position(keys, 'user_agent.original')],
                vals[list_position(keys, 'http.user_agent')]) as user_agent,
            case when contains(trace_state, 'th:')
                then coalesce(regexp_extract(trace_state, '(?:^|,)\s*ot=(?:[^,]*;)?th:([^;,\s]*)', 1), '')
                else '' end as th
        from fields
    )
select
    line, service, instance, tenant, resource, trace_id, span_id, parent_id, exceptions, synthetic, user_agent,
    nullif(path, '') as url_path,
    status_code,
    is_handled,
    case when start_ns > 0 then make_timestamptz(start_ns // 1000) end as "time",
    case when start_ns > 0 and end_ns > 0 then (end_ns - start_ns) / 1e6 end as duration_ms,
    case
        when code is null or code in ('0', '1', 'STATUS_CODE_UNSET', 'STATUS_CODE_OK') then false
        when code in ('2', 'STATUS_CODE_ERROR') then true end as is_failed,
    case
        when th <> '' then case when regexp_full_match(th, '[0-9A-Fa-f]{1,14}') then
            72057594037927936 / cast(72057594037927936 - try_cast('0x' || rpad(th, 14, '0') as bigint) as double) end
        when sample_rate is not null then 100 / try_cast(sample_rate as double)
        else 1.0 end as weight,
    coalesce(
        method || ' ' || coalesce(nullif(route, ''), nullif(path, '')), nullif(name, '')) as operation,
    case
        when is_dapr then 'dapr'
        when db_system = 'redis' then 'redis'
        when db_system is not null then 'sql'
        when messaging_system is not null then 'queue'
        when method is not null then 'http'
        when rpc_system is not null then rpc_system
        when span_kind in ('4', '5', 'SPAN_KIND_PRODUCER', 'SPAN_KIND_CONSUMER') then 'queue'
        when span_kind in ('1', 'SPAN_KIND_INTERNAL') then 'internal' end as kind
from picked
