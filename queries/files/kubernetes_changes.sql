-- Events that tell of a deliberate change: a Deployment that scaled a ReplicaSet.
-- $naive: zone of times written without one, or null.
select
    __line as line, service, kind, description, author, id,
    case
        when regexp_matches("time", ':\d\d(\.\d+)?\s*(Z|[+-]\d\d(:?\d\d)?)$') then try_cast("time" as timestamptz)
        else timezone($naive, try_cast("time" as timestamp)) end as "time"
from read_json(
    $file, format = 'newline_delimited', records = true, maximum_object_size = 33554432,
    columns = {
        '__line': 'BIGINT', 'table': 'VARCHAR', 'time': 'VARCHAR', 'service': 'VARCHAR', 'kind': 'VARCHAR',
        'description': 'VARCHAR', 'author': 'VARCHAR', 'id': 'VARCHAR'
    })
where "table" = 'changes'
