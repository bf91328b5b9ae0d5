-- What a store holds beside canonical tables and rollups.
create table ledger (
    entry bigint, pull varchar, pulled_at timestamptz, source varchar, slice varchar, fingerprint varchar,
    row_counts varchar, rows bigint, duplicates bigint, rejected bigint, late bigint, unprovable bigint,
    expected bigint, first_time timestamptz, last_time timestamptz, previous_hash varchar, hash varchar
);
-- rows that a source is known to have and the store to lack, until a later pull brings them
create table shortfalls (
    slice varchar, source varchar, pull varchar, kind varchar, table_name varchar, start timestamptz, stop timestamptz,
    rows bigint, reason varchar, told_at timestamptz
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
);
-- what of metrics adds up over time: sums and counts as told, and of running totals the increase since the point before:
-- a total that is less than before, or began after the point before, started anew and counts whole
create view metric_cells as
    with points as (
        select time, service, instance, resource, name, series, kind, unnest(points) as p
        from metric_minutes
        where points is not null),
    steps as (
        select
            time, service, instance, resource, name, series, kind, p.sum as sum, p.count as count,
            lag(p.sum) over one as sum_before, lag(p.count) over one as count_before,
            lag(p.time_us) over one as before_us, p.time_us as time_us,
            p.started_us is distinct from lag(p.started_us) over one as has_new_start,
            -- a start at the moment of the point itself is how OpenTelemetry says that the start is not known
            case when p.started_us < p.time_us then p.started_us end as started_us,
            min(time) over (partition by service, instance, resource, name) as heard
        from points
        window one as (partition by service, instance, resource, name, series, kind order by p)),
    judged as (
        select
            *,
            case
                -- the first point counts whole where the store listened meanwhile: to this instance, or since a
                -- start 5 minutes ago at most (few export less often). What an older start counted is not told
                when before_us is null then
                    case when started_us >= time_us - 300000000 or (started_us is not null and heard < time)
                        then 'whole' else 'none' end
                when (has_new_start and started_us >= before_us) or coalesce(count < count_before, sum < sum_before) then 'whole'
                else 'since' end as counts
        from steps)
    select
        time, service, instance, resource, name, series, kind,
        sum(case counts when 'whole' then sum when 'since' then sum - sum_before else 0 end) as sum,
        -- of a counter the number of points, as of one told as delta
        sum(case when kind = 'cumulative' then 1
                 else case counts when 'whole' then count when 'since' then count - count_before else 0 end end) as count
    from judged
    group by all
    union all by name
    select time, service, instance, resource, name, series, kind, sum, count from metric_minutes where points is null
