-- Every log record of an OTLP/JSON file.
-- A line that holds no logs stops the reading unless the file is known to be mixed.
with
    lines as (
        select __line as line, unnest(resourceLogs) as rl
        from read_json(
            $file, format = 'newline_delimited', records = true, maximum_object_size = 33554432,
            columns = {
                '__line': 'BIGINT', 'resourceSpans': 'JSON', 'resourceMetrics': 'JSON',
                'resourceLogs': 'STRUCT(
                    resource STRUCT(attributes STRUCT("key" VARCHAR, "value" STRUCT(stringValue VARCHAR,
                        intValue VARCHAR, doubleValue VARCHAR, boolValue VARCHAR))[]),
                    scopeLogs STRUCT(logRecords STRUCT(
                        timeUnixNano VARCHAR, observedTimeUnixNano VARCHAR, severityNumber VARCHAR, severityText VARCHAR,
                        traceId VARCHAR, spanId VARCHAR,
                        body STRUCT(stringValue VARCHAR, intValue VARCHAR, doubleValue VARCHAR, boolValue VARCHAR,
                            arrayValue JSON, kvlistValue JSON, bytesValue VARCHAR),
                        attributes STRUCT("key" VARCHAR, "value" STRUCT(stringValue VARCHAR,
                            intValue VARCHAR, doubleValue VARCHAR, boolValue VARCHAR,
                            arrayValue JSON, kvlistValue JSON, bytesValue VARCHAR))[])[])[])[]'
            })
        where case
            when $is_mixed or (resourceLogs is not null and resourceSpans is null and resourceMetrics is null) then true
            else error('a line without resourceLogs alone: ' || coalesce(__line, 0)) end
    ),
    scopes as (
        select
            line,
            list_transform(rl.resource.attributes, lambda a: a."key") as rkeys,
            list_transform(rl.resource.attributes, lambda a: coalesce(
                a."value".stringValue, a."value".intValue, a."value".doubleValue, a."value".boolValue)) as rvalues,
            unnest(rl.scopeLogs) as sl
        from lines
    ),
    records as (
        select
            line,
            coalesce(nullif(rvalues[list_position(rkeys, 'service.name')], ''), 'unknown_service') as service,
            coalesce(
                rvalues[list_position(rkeys, 'service.instance.id')],
                rvalues[list_position(rkeys, 'k8s.pod.name')],
                rvalues[list_position(rkeys, 'host.name')]) as instance,
            unnest(sl.logRecords) as r
        from scopes
    ),
    fields as (
        select
            *,
            try_cast(r.timeUnixNano as bigint) as time_ns,
            try_cast(r.observedTimeUnixNano as bigint) as observed_ns,
            try_cast(r.severityNumber as integer) as severity,
            lower(coalesce(nullif(r.severityText, ''), regexp_extract(r.severityNumber, '^SEVERITY_NUMBER_([A-Z]+)', 1))) as word,
            list_transform(r.attributes, lambda a: a."key") as keys,
            list_transform(r.attributes, lambda a: coalesce(
                a."value".stringValue, a."value".intValue, a."value".doubleValue, a."value".boolValue)) as vals,
            list_filter(r.attributes, lambda a: a."key" <> '{OriginalFormat}' and not starts_with(a."key", 'exception.')) as rest
        from records
    )
select
    line, service, instance,
    coalesce(
        case when time_ns > 0 then make_timestamptz(time_ns // 1000) end,
        case when observed_ns > 0 then make_timestamptz(observed_ns // 1000) end) as "time",
    case when observed_ns > 0 then make_timestamptz(observed_ns // 1000) end as received_at,
    coalesce(
        vals[list_position(keys, 'tenant.id')], vals[list_position(keys, 'enduser.tenant')],
        vals[list_position(keys, 'erp.tenant')]) as tenant,
    case
        when severity between 1 and 4 then 'verbose'
        when severity between 5 and 8 then 'debug'
        when severity between 9 and 12 then 'information'
        when severity between 13 and 16 then 'warning'
        when severity between 17 and 20 then 'error'
        when severity between 21 and 24 then 'critical'
        when starts_with(word, 'trace') or word = 'verbose' then 'verbose'
        when starts_with(word, 'debug') then 'debug'
        when starts_with(word, 'warn') then 'warning'
        when starts_with(word, 'err') then 'error'
        when starts_with(word, 'fatal') or starts_with(word, 'crit') then 'critical'
        else 'information' end as level,
    coalesce(
        r.body.stringValue, r.body.intValue, r.body.doubleValue, r.body.boolValue,
        cast(r.body.kvlistValue as varchar), cast(r.body.arrayValue as varchar), r.body.bytesValue) as message,
    vals[list_position(keys, '{OriginalFormat}')] as template,
    vals[list_position(keys, 'exception.type')] as exception_type,
    vals[list_position(keys, 'exception.stacktrace')] as exception,
    coalesce(
        100 / try_cast(coalesce(vals[list_position(keys, 'microsoft.sample_rate')],
            vals[list_position(keys, '_MS.sampleRate')]) as double), 1.0) as weight,
    try_cast('{' || array_to_string(list_transform(rest, lambda a: cast(to_json(a."key") as varchar) || ':' || coalesce(
        cast(to_json(a."value".stringValue) as varchar),
        cast(try_cast(a."value".intValue as bigint) as varchar),
        case when isfinite(try_cast(a."value".doubleValue as double)) then a."value".doubleValue end,
        cast(to_json(a."value".doubleValue) as varchar),
        a."value".boolValue, cast(a."value".arrayValue as varchar), cast(a."value".kvlistValue as varchar),
        cast(to_json(a."value".bytesValue) as varchar), 'null')), ',') || '}' as json) as attributes,
    lower(nullif(r.traceId, '')) as trace_id,
    lower(nullif(r.spanId, '')) as span_id
from fields
