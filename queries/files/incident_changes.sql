-- Maintenance that an incident tool announced, one row per component, as its module wrote it.
select __line as line, * exclude ("table", __line)
from read_json(
    $file, format = 'newline_delimited', records = true, maximum_object_size = 33554432,
    columns = {
        '__line': 'BIGINT', 'table': 'VARCHAR', 'id': 'VARCHAR', 'time': 'TIMESTAMPTZ', 'service': 'VARCHAR',
        'kind': 'VARCHAR', 'description': 'VARCHAR'
    })
where "table" = 'changes'
