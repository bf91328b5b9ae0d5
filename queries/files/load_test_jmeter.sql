-- Samples of JMeter (JTL), one row each.
-- A row that sums up other samples stops the reading; careful reading has left it out and counted it.
with
    samples as (
        select json_transform(to_json(given), '{
            "__line": "BIGINT", "timeStamp": "VARCHAR", "elapsed": "VARCHAR", "label": "VARCHAR",
            "responseCode": "VARCHAR", "responseMessage": "VARCHAR", "threadName": "VARCHAR", "success": "VARCHAR",
            "bytes": "VARCHAR", "Latency": "VARCHAR", "URL": "VARCHAR", "SampleCount": "VARCHAR"}') as s
        from read_csv($file, header = true, all_varchar = true, delim = $delimiter, quote = '"', escape = '"',
            comment = '', skip = 0) as given
    ),
    hashed as (
        select
            s,
            md5(cast(row(s.timeStamp, s.elapsed, s.label, s.responseCode, s.threadName, s.success, s.bytes, s.Latency, s.URL)
                as varchar)) as row_hash
        from samples
        where case
            when $is_spooled or (coalesce(s.SampleCount, '1') = '1'
                and not starts_with(coalesce(s.responseMessage, ''), 'Number of samples in transaction : ')) then true
            else error('a row that sums up other samples: ' || coalesce(s.label, '')) end
    )
select
    s.__line as line, row_hash,
    row_number() over (partition by row_hash order by s.__line) as ordinal,
    -- JMeter stamps the start, unless sampleresult.timestamp.start was set to false
    case when regexp_full_match(s.timeStamp, '\d{12,14}') then make_timestamptz(try_cast(s.timeStamp as bigint) * 1000) end
        as "time",
    try_cast(s.elapsed as double) as duration_ms,
    false as is_untimed,
    1.0 as weight,
    cast(null as varchar) as method,
    nullif(s.label, '') as target,
    nullif(nullif(s.URL, ''), 'null') as url,
    -- a word or a sentence in its place means that there was no response
    case when regexp_full_match(s.responseCode, '\d{3}') then s.responseCode end as status_code,
    case lower(s.success) when 'true' then false when 'false' then true end as is_failed
from hashed
