-- Incidents of any tool, one row each, as its module wrote them: columns by their canonical names, moments in UTC.
select __line as line, * exclude ("table", __line)
from read_json(
    $file, format = 'newline_delimited', records = true, maximum_object_size = 33554432,
    columns = {
        '__line': 'BIGINT', 'table': 'VARCHAR', 'id': 'VARCHAR', 'title': 'VARCHAR', 'severity': 'VARCHAR',
        'status': 'VARCHAR', 'class': 'VARCHAR', 'impact': 'VARCHAR', 'services': 'VARCHAR[]',
        'impact_start': 'TIMESTAMPTZ', 'is_start_estimated': 'BOOLEAN', 'detected': 'TIMESTAMPTZ',
        'declared': 'TIMESTAMPTZ', 'acknowledged': 'TIMESTAMPTZ', 'mitigated': 'TIMESTAMPTZ',
        'impact_end': 'TIMESTAMPTZ', 'resolved': 'TIMESTAMPTZ', 'closed': 'TIMESTAMPTZ', 'restored': 'TIMESTAMPTZ',
        'last_recoverable': 'TIMESTAMPTZ', 'cause': 'VARCHAR', 'detected_by': 'VARCHAR', 'updated_at': 'TIMESTAMPTZ'
    })
where "table" = 'incidents'
