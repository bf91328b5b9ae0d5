-- Raw rows of each table that keeping only the last days would drop, as of the watermark, with the blocks the table fills.
-- reads: requests dependencies logs metrics probes
-- unit: 1
-- by: service
with keeping as (select unnest([7, 14, 30, 90]) as keep_days),
ages as (
    select 'requests' as table_name, time from requests
    union all select 'dependencies', time from dependencies
    union all select 'logs', time from logs
    union all select 'metrics', time from metrics
    union all select 'probes', time from probes),
blocks as (
    select 'requests' as table_name, block_id from pragma_storage_info('requests')
    union all select 'dependencies', block_id from pragma_storage_info('dependencies')
    union all select 'logs', block_id from pragma_storage_info('logs')
    union all select 'metrics', block_id from pragma_storage_info('metrics')
    union all select 'probes', block_id from pragma_storage_info('probes')),
filled as (
    select table_name, count(distinct block_id) as blocks from blocks where block_id >= 0 group by table_name)
select
    ages.table_name,
    keeping.keep_days,
    count(*) as rows,
    -- pruning cuts at a whole hour
    count(case when ages.time < date_trunc('hour', cast($watermark as timestamptz) - to_days(keeping.keep_days)) then 1 end) as dropped_rows,
    any_value(filled.blocks) as blocks
from ages
cross join keeping
left join filled on filled.table_name = ages.table_name
group by ages.table_name, keeping.keep_days
order by ages.table_name, keeping.keep_days
