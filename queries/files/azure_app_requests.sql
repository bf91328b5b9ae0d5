-- AppRequests of a file that holds nothing else, each field read as what Azure says it is.
-- A field that is something else, or a record of another type, stops the reading; the file is then read as text.
with
    records as (
        select
            *,
            -- in a column that is kept: a filter could be run after another one that drops the record
            case when "Type" is distinct from 'AppRequests'
                then error('unknown record type ' || coalesce("Type", 'none')) else ItemCount end as sampled,
            case when Properties is not null then json_extract_string(try_cast(Properties as json), [
                '$."tenant.id"', '$."enduser.tenant"', '$."erp.tenant"', '$."user_agent.original"',
                '$."http.user_agent"']) end as p
        from read_json(
            $file, format = 'newline_delimited', records = true, maximum_object_size = 33554432,
            columns = {
                'Type': 'VARCHAR', 'TimeGenerated': 'TIMESTAMPTZ', '_TimeReceived': 'TIMESTAMPTZ',
                '_ResourceId': 'VARCHAR', 'resourceId': 'VARCHAR', 'AppRoleName': 'VARCHAR',
                'AppRoleInstance': 'VARCHAR', 'OperationName': 'VARCHAR', 'OperationId': 'VARCHAR',
                'ParentId': 'VARCHAR', 'Id': 'VARCHAR', 'Name': 'VARCHAR', 'Url': 'VARCHAR', 'Success': 'BOOLEAN',
                'ResultCode': 'VARCHAR', 'DurationMs': 'DOUBLE', 'ItemCount': 'DOUBLE', 'SyntheticSource': 'VARCHAR',
                'Properties': 'VARCHAR'
            })
    )
select
    TimeGenerated as "time",
    coalesce(
        nullif(AppRoleName, ''),
        nullif(regexp_extract(lower(coalesce(nullif(_ResourceId, ''), resourceId)), '([^/]+)/*$', 1), '')) as service,
    nullif(AppRoleInstance, '') as instance,
    coalesce(sampled, 1.0) as weight,
    nullif(SyntheticSource, '') as synthetic,
    _TimeReceived as received_at,
    coalesce(nullif(OperationName, ''), nullif(Name, '')) as operation,
    DurationMs as duration_ms,
    not Success as is_failed,
    nullif(ResultCode, '') as status_code,
    -- the door knows an empty id
    OperationId as trace_id,
    Id as span_id,
    nullif(ParentId, '') as parent_id,
    coalesce(p[1], p[2], p[3]) as tenant,
    coalesce(p[4], p[5]) as user_agent,
    -- a path only tells probes, so only one that may be a probe's is cut out
    case when contains(Url, 'health') or contains(Url, 'live') or contains(Url, 'ready') or contains(Url, 'startup')
        then nullif(coalesce(
            nullif(regexp_extract(Url, '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^?#]*)', 1), ''),
            regexp_extract(Url, '^(/[^?#]*)', 1)), '') end as url_path
from records
