-- Operation names as templates: what tells one call from another becomes a placeholder.
-- reads: arrived
select
    operation,
    regexp_replace(
        regexp_replace(
            regexp_replace(
                regexp_replace(operation, '\?.*$', ''),
                '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}', '{id}', 'g'),
            '/[0-9a-fA-F]{16,}\b', '/{id}', 'g'),
        '/[0-9]+\b', '/{id}', 'g') as template,
    regexp_matches(
        lower(operation),
        '(^|\s)/?(healthz?|livez?|readyz?|alive|ready|live|liveness|readiness|startup|health/[a-z]+|healthz/[a-z]+)$')
        as is_probe
from (select distinct operation from arrived where operation is not null)
