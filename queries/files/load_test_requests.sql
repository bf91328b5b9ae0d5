-- Samples of a load test as requests: the operation is the endpoint's path or the name the test gave it.
with targets as (
    select
        *,
        regexp_matches(target, '^[A-Za-z][A-Za-z0-9+.-]*://') as is_url,
        lower(nullif(regexp_extract(
            case when regexp_matches(url, '^[A-Za-z][A-Za-z0-9+.-]*://') then url else target end,
            '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/@]*@)?(\[[^\]]+\]|[^/:?#]+)', 1), '')) as host
    from staged
)
select
    line, "time",
    coalesce(cast($service as varchar), host, 'unknown_service') as service,
    coalesce(method || ' ', '') || case
        when is_url then coalesce(nullif(regexp_replace(
            regexp_replace(target, '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*', ''), '[?#;].*$', ''), ''), '/')
        when starts_with(target, '/') then regexp_replace(target, '[?#;].*$', '')
        else target end as operation,
    duration_ms, is_untimed, is_failed, status_code, weight,
    $population as population,
    row_hash || ':' || ordinal || ':' || $instance as id
from targets
