-- Replicas of deployments, and limits, requests and restarts of pods, at the moment of a snapshot.
select
    __line as line, try_cast("time" as timestamptz) as "time", service, instance, name, "value"
from read_json(
    $file, format = 'newline_delimited', records = true, maximum_object_size = 33554432,
    columns = {
        '__line': 'BIGINT', 'table': 'VARCHAR', 'time': 'VARCHAR', 'service': 'VARCHAR', 'instance': 'VARCHAR',
        'name': 'VARCHAR', 'value': 'DOUBLE'
    })
where "table" = 'inventory'
