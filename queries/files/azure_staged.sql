-- Every record of Azure Monitor of a file, one row each, as text under its own column names.
-- A record of a type that is not asked for stops the reading; careful reading sets it aside by line.
with
    records as (
        select
            *,
            coalesce("Type", case when metricName is not null then 'platform' end) as told_type,
            coalesce(TimeGenerated, "time") as stamp
        from read_json(
            $file, format = 'newline_delimited', records = true, maximum_object_size = 33554432,
            columns = {
                '__line': 'BIGINT', 'Type': 'VARCHAR', 'TimeGenerated': 'VARCHAR', 'time': 'VARCHAR',
                '_TimeReceived': 'VARCHAR', '_ResourceId': 'VARCHAR', 'resourceId': 'VARCHAR',
                'AppRoleName': 'VARCHAR', 'AppRoleInstance': 'VARCHAR', 'OperationName': 'VARCHAR',
                'OperationId': 'VARCHAR', 'ParentId': 'VARCHAR', 'Id': 'VARCHAR', 'Name': 'VARCHAR', 'Url': 'VARCHAR',
                'Success': 'VARCHAR', 'ResultCode': 'VARCHAR', 'DurationMs': 'VARCHAR', 'ItemCount': 'VARCHAR',
                'SyntheticSource': 'VARCHAR', 'Properties': 'VARCHAR', 'Target': 'VARCHAR', 'Data': 'VARCHAR',
                'DependencyType': 'VARCHAR', 'Message': 'VARCHAR', 'SeverityLevel': 'VARCHAR',
                'ExceptionType': 'VARCHAR', 'InnermostMessage': 'VARCHAR', 'OuterMessage': 'VARCHAR',
                'Details': 'VARCHAR', 'Sum': 'VARCHAR', 'Min': 'VARCHAR', 'Max': 'VARCHAR', 'Value': 'VARCHAR',
                'Category': 'VARCHAR', 'Counter': 'VARCHAR', 'Instance': 'VARCHAR', 'Location': 'VARCHAR',
                'metricName': 'VARCHAR', 'count': 'VARCHAR', 'total': 'VARCHAR', 'minimum': 'VARCHAR',
                'maximum': 'VARCHAR', 'average': 'VARCHAR', 'unit': 'VARCHAR', 'dimensions': 'VARCHAR',
                'CsMethod': 'VARCHAR', 'CsUriStem': 'VARCHAR', 'ScStatus': 'VARCHAR', 'TimeTaken': 'VARCHAR',
                'UserAgent': 'VARCHAR', 'Result': 'VARCHAR'
            })
    )
select
    -- in the column itself: a filter could be run after another one that drops the record
    case when list_contains($types, told_type) then told_type
        else error('unknown record type ' || coalesce(told_type, 'none')) end as record_type,
    * exclude (__line, told_type, "Type", "time", TimeGenerated, _ResourceId, resourceId, _TimeReceived, AppRoleName,
        AppRoleInstance, ItemCount, SyntheticSource, "Instance"),
    __line as line,
    case
        when regexp_matches(stamp, ':\d\d(\.\d+)?\s*(Z|z|UTC|[+-]\d\d(:?\d\d)?)$') then try_cast(stamp as timestamptz)
        else timezone('UTC', try_cast(stamp as timestamp)) end as at_time,
    timezone('UTC', try_cast(_TimeReceived as timestamp)) as received_at,
    coalesce(
        nullif(AppRoleName, ''),
        nullif(regexp_extract(lower(coalesce(nullif(_ResourceId, ''), resourceId)), '([^/]+)/*$', 1), '')) as service,
    nullif(AppRoleInstance, '') as instance,
    "Instance" as counter_instance,
    lower(nullif(coalesce(nullif(_ResourceId, ''), resourceId), '')) as resource_id,
    case when ItemCount is null then 1.0 else try_cast(ItemCount as double) end as weight,
    nullif(SyntheticSource, '') as synthetic,
    case when Properties is not null then json_extract_string(try_cast(Properties as json), [
        '$."tenant.id"', '$."enduser.tenant"', '$."erp.tenant"', '$."user_agent.original"', '$."http.user_agent"',
        '$."OriginalFormat"', '$."MessageTemplate"', '$."{OriginalFormat}"', '$."prop__{OriginalFormat}"']) end as p
from records
