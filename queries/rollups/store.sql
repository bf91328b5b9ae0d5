-- What a store holds beside canonical tables and rollups.
create table ledger (
    entry bigint, pull varchar, pulled_at timestamptz, source varchar, slice varchar, fingerprint varchar,
    row_counts varchar, rows bigint, duplicates bigint, rejected bigint, late bigint, unprovable bigint,
    expected bigint, first_time timestamptz, last_time timestamptz, previous_hash varchar, hash varchar
);
create table rejects (slice varchar, file varchar, line bigint, reason varchar, excerpt varchar);
create table watermarks (table_name varchar, source varchar, service varchar, pull varchar, time timestamptz);
create table sealed (table_name varchar, before timestamptz);
create table thresholds (service varchar, apdex_ms double, slo_ms double);
create view request_cells as
    with cells as (
        select 'minute' as grain, null as operation, * from request_minutes
        union all by name
        select 'hour' as grain, * from operation_hours)
    -- the outcome by one rule: a 5xx failed, a 4xx is the client's, else what the telemetry said
    select *, case when status_class = '5xx' then 'failed' when status_class = '4xx' then 'client_error'
                   when is_failed then 'failed' when is_failed = false or status_class is not null then 'good'
                   else 'unknown' end as outcome
    from cells;
-- a load test is told by its tool, not by the service: what only it saw was not observed
create view observed_minutes as
    select distinct time, service from request_minutes where population <> 'synthetic'
    union select distinct time, service from dependency_minutes
    union select distinct time, service from log_minutes
    union select distinct time, service from metric_minutes
    union select distinct time, service from probe_minutes
