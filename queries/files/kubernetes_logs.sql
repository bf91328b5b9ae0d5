-- Kubernetes events, ends of containers and lines of container logs as log rows.
-- Reads what erp_telemetry/sources/kubernetes_files.py unwrapped: one object per row, `table` names where it belongs.
-- An id is the record's own, else the digest of its lines and their ordinal among equal lines of the same instance.
-- $naive: zone of times written without one, or null.
with
    said as (
        select *
        from read_json(
            $file, format = 'newline_delimited', records = true, maximum_object_size = 33554432,
            columns = {
                '__line': 'BIGINT', 'table': 'VARCHAR', 'time': 'VARCHAR', 'service': 'VARCHAR', 'instance': 'VARCHAR',
                'resource': 'VARCHAR', 'level': 'VARCHAR', 'message': 'VARCHAR', 'template': 'VARCHAR',
                'exception': 'VARCHAR', 'exception_type': 'VARCHAR', 'attributes': 'JSON', 'trace_id': 'VARCHAR',
                'span_id': 'VARCHAR', 'id': 'VARCHAR', 'digest': 'VARCHAR'
            })
        where "table" = 'logs'
    )
select
    __line as line, service, instance, resource, level, message, template, exception, exception_type, attributes,
    trace_id, span_id, 1.0 as weight,
    case
        when regexp_matches("time", ':\d\d(\.\d+)?\s*(Z|[+-]\d\d(:?\d\d)?)$') then try_cast("time" as timestamptz)
        else timezone($naive, try_cast("time" as timestamp)) end as "time",
    coalesce(id, instance || ':' || digest || ':'
        || row_number() over (partition by instance, digest order by __line)) as id
from said
