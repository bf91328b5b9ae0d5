-- Every data point of an OTLP/JSON file: gauges, sums and histograms.
-- A summary, and a line that holds no metrics, stop the reading; careful reading sets them aside by line.
with
    lines as (
        select __line as line, unnest(resourceMetrics) as rm
        from read_json(
            $file, format = 'newline_delimited', records = true, maximum_object_size = 33554432,
            columns = {
                '__line': 'BIGINT', 'resourceSpans': 'JSON', 'resourceLogs': 'JSON',
                'resourceMetrics': 'STRUCT(
                    resource STRUCT(attributes STRUCT("key" VARCHAR, "value" STRUCT(stringValue VARCHAR,
                        intValue VARCHAR, doubleValue VARCHAR, boolValue VARCHAR))[]),
                    scopeMetrics STRUCT(metrics STRUCT(
                        "name" VARCHAR, unit VARCHAR, summary JSON,
                        gauge STRUCT(dataPoints JSON[]),
                        "sum" STRUCT(dataPoints JSON[], aggregationTemporality VARCHAR, isMonotonic VARCHAR),
                        histogram STRUCT(dataPoints JSON[], aggregationTemporality VARCHAR),
                        exponentialHistogram STRUCT(dataPoints JSON[], aggregationTemporality VARCHAR))[])[])[]'
            })
        where case
            when $is_mixed or (resourceMetrics is not null and resourceSpans is null and resourceLogs is null) then true
            else error('a line without resourceMetrics alone: ' || coalesce(__line, 0)) end
    ),
    scopes as (
        select
            line,
            list_transform(rm.resource.attributes, lambda a: a."key") as rkeys,
            list_transform(rm.resource.attributes, lambda a: coalesce(
                a."value".stringValue, a."value".intValue, a."value".doubleValue, a."value".boolValue)) as rvalues,
            unnest(rm.scopeMetrics) as sm
        from lines
    ),
    metrics as (
        select
            line,
            coalesce(nullif(rvalues[list_position(rkeys, 'service.name')], ''), 'unknown_service') as service,
            coalesce(
                rvalues[list_position(rkeys, 'service.instance.id')],
                rvalues[list_position(rkeys, 'k8s.pod.name')],
                rvalues[list_position(rkeys, 'host.name')]) as instance,
            unnest(sm.metrics) as m
        from scopes
    ),
    kinds as (
        select
            line, service, instance, nullif(m."name", '') as name, nullif(m.unit, '') as unit,
            coalesce(m."sum".aggregationTemporality, m.histogram.aggregationTemporality,
                m.exponentialHistogram.aggregationTemporality) in ('2', 'AGGREGATION_TEMPORALITY_CUMULATIVE') as is_cumulative,
            case
                when m.gauge is not null then 'gauge'
                when m.histogram is not null then 'histogram'
                when m.exponentialHistogram is not null then 'exponential_histogram'
                when m."sum" is not null and coalesce(m."sum".isMonotonic, 'false') <> 'true' then 'gauge'
                when m."sum".aggregationTemporality in ('1', 'AGGREGATION_TEMPORALITY_DELTA') then 'delta'
                when m."sum".aggregationTemporality in ('2', 'AGGREGATION_TEMPORALITY_CUMULATIVE') then 'cumulative'
                end as kind,
            unnest(coalesce(m.gauge.dataPoints, m."sum".dataPoints, m.histogram.dataPoints,
                m.exponentialHistogram.dataPoints)) as body
        from metrics
        where case when m.summary is null then true else error('a summary: ' || coalesce(m."name", '')) end
    ),
    points as (
        select
            * exclude (body),
            json_transform(body, '{
                "startTimeUnixNano": "VARCHAR", "timeUnixNano": "VARCHAR", "asDouble": "VARCHAR", "asInt": "VARCHAR",
                "count": "VARCHAR", "sum": "VARCHAR", "min": "VARCHAR", "max": "VARCHAR",
                "bucketCounts": ["VARCHAR"], "explicitBounds": ["VARCHAR"],
                "scale": "VARCHAR", "zeroCount": "VARCHAR",
                "positive": {"offset": "VARCHAR", "bucketCounts": ["VARCHAR"]},
                "attributes": [{"key": "VARCHAR", "value": {"stringValue": "VARCHAR", "intValue": "VARCHAR",
                    "doubleValue": "VARCHAR", "boolValue": "VARCHAR", "arrayValue": "JSON", "kvlistValue": "JSON",
                    "bytesValue": "VARCHAR"}}]}') as p
        from kinds
    ),
    fields as (
        select
            *,
            try_cast(p.timeUnixNano as bigint) as time_ns,
            try_cast(p.startTimeUnixNano as bigint) as start_ns,
            list_transform(p.attributes, lambda a: a."key") as keys,
            list_transform(p.attributes, lambda a: coalesce(
                a."value".stringValue, a."value".intValue, a."value".doubleValue, a."value".boolValue)) as vals
        from points
    )
select
    line, service, instance, name, unit, kind,
    case when time_ns > 0 then make_timestamptz(time_ns // 1000) end as "time",
    -- a running total whose start is not known begins, as OpenTelemetry has it, at its own moment
    case when is_cumulative and coalesce(start_ns, 0) <= 0 then make_timestamptz(nullif(time_ns, 0) // 1000)
         when is_cumulative then make_timestamptz(start_ns // 1000) end as started_at,
    coalesce(
        vals[list_position(keys, 'tenant.id')], vals[list_position(keys, 'enduser.tenant')],
        vals[list_position(keys, 'erp.tenant')]) as tenant,
    try_cast(coalesce(p.asDouble, p.asInt) as double) as "value",
    try_cast(p."count" as double) as "count",
    try_cast(p."sum" as double) as "sum",
    try_cast(p."min" as double) as "min",
    try_cast(p."max" as double) as "max",
    list_transform(p.explicitBounds, lambda b: try_cast(b as double)) as bounds,
    list_transform(coalesce(p.bucketCounts, p.positive.bucketCounts), lambda b: try_cast(b as double)) as bucket_counts,
    case when kind = 'exponential_histogram' then coalesce(try_cast(p."scale" as integer), 0) end as "scale",
    case when kind = 'exponential_histogram' then coalesce(try_cast(p.zeroCount as double), 0) end as zero_count,
    case when kind = 'exponential_histogram' then coalesce(try_cast(p.positive."offset" as integer), 0) end as bucket_offset,
    try_cast('{' || array_to_string(list_transform(p.attributes, lambda a: cast(to_json(a."key") as varchar) || ':' || coalesce(
        cast(to_json(a."value".stringValue) as varchar),
        cast(try_cast(a."value".intValue as bigint) as varchar),
        case when isfinite(try_cast(a."value".doubleValue as double)) then a."value".doubleValue end,
        cast(to_json(a."value".doubleValue) as varchar),
        a."value".boolValue, cast(a."value".arrayValue as varchar), cast(a."value".kvlistValue as varchar),
        cast(to_json(a."value".bytesValue) as varchar), 'null')), ',') || '}' as json) as attributes
from fields
