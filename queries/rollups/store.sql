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
-- minutes in which any telemetry of a service was seen, kept by every landing
create table observed_minutes (time timestamptz, service varchar);
-- exact percentiles of user requests, shown at their own minute and never merged, null where raw rows were lost
create table minute_percentiles (
    time timestamptz, service varchar, count double, weight_squares double,
    p50 double, p50_low double, p50_high double,
    p95 double, p95_low double, p95_high double,
    p99 double, p99_low double, p99_high double
)
