-- Alerts that an incident tool fired, one row each, as its module wrote them.
select __line as line, * exclude ("table", __line)
from read_json(
    $file, format = 'newline_delimited', records = true, maximum_object_size = 33554432,
    columns = {
        '__line': 'BIGINT', 'table': 'VARCHAR', 'id': 'VARCHAR', 'time': 'TIMESTAMPTZ', 'service': 'VARCHAR',
        'rule': 'VARCHAR', 'severity': 'VARCHAR', 'state': 'VARCHAR', 'acknowledged_at': 'TIMESTAMPTZ',
        'resolved_at': 'TIMESTAMPTZ', 'message': 'VARCHAR'
    })
where "table" = 'alerts'
