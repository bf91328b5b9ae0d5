-- CPU and memory that kubectl top shows at one moment, as gauges.
select
    __line as line, try_cast("time" as timestamptz) as "time", service, instance, resource, name, unit, kind, "value",
    attributes
from read_json(
    $file, format = 'newline_delimited', records = true, maximum_object_size = 33554432,
    columns = {
        '__line': 'BIGINT', 'table': 'VARCHAR', 'time': 'VARCHAR', 'service': 'VARCHAR', 'instance': 'VARCHAR',
        'resource': 'VARCHAR', 'name': 'VARCHAR', 'unit': 'VARCHAR', 'kind': 'VARCHAR', 'value': 'DOUBLE',
        'attributes': 'JSON'
    })
where "table" = 'metrics'
