-- Lines of access logs as requests: times, operations without query strings, programs told from people.
with
    parts as (
        select
            *,
            coalesce(cast($service as varchar), service, 'unknown_service') as named_service,
            coalesce(instance, $instance) as named_instance,
            regexp_extract(request, '^([A-Z][A-Z_-]*) ([^ ].*?)(?: HTTP/[0-9.]+)?$', ['method', 'target']) as asked
        from staged
    ),
    paths as (
        select
            *,
            -- an absolute target loses scheme and host; queries and session ids are nobody's operation
            nullif(regexp_replace(
                regexp_replace(asked.target, '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*', ''), '[?#;].*$', ''), '') as path
        from parts
    )
select
    line,
    -- a duration that cannot be does not move the time; the door refuses it
    stamped_at - to_microseconds(case when not is_start and duration_ms between 0 and 31.6e9
        then try_cast(round(duration_ms * 1000) as bigint) else 0 end) as "time",
    named_service as service,
    asked.method || ' ' || path as operation,
    named_instance as "instance",
    duration_ms,
    is_untimed,
    case when try_cast(status_code as integer) between 100 and 599 then try_cast(status_code as integer) >= 500 end
        as is_failed,
    status_code,
    1.0 as weight,
    trace_id,
    text_hash || ':' || ordinal || ':' || named_instance as id,
    path as url_path,
    user_agent,
    -- words by which crawlers, monitors and health checkers name themselves; kube-probe is told by the door
    case when regexp_matches(lower(user_agent),
        'bot|crawl|spider|slurp|mediapartners|facebookexternalhit|bingpreview|feedfetcher|feedburner|archiver|'
        'pingdom|statuscake|site24x7|newrelicpinger|uptime|synthetic|curl-health|health-?check|googlehc')
        then 'bot' end as synthetic
from paths
