-- Operation names as templates: what tells one call from another becomes a placeholder.
-- reads: requests dependencies
-- The guard before each replacement is one pass; most names need none.
create or replace temp macro operation_template(operation) as
    case when regexp_matches(operation, '[?]|/[0-9]+\b|/[0-9a-fA-F]{16,}\b|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-') then
        regexp_replace(
            regexp_replace(
                regexp_replace(
                    regexp_replace(operation, '\?.*$', ''),
                    '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}', '{id}', 'g'),
                '/[0-9a-fA-F]{16,}\b', '/{id}', 'g'),
            '/[0-9]+\b', '/{id}', 'g')
        else operation end;
create or replace temp macro is_probe_operation(operation) as
    coalesce(regexp_matches(
        operation,
        '(?i)(^|\s)/?(healthz?|livez?|readyz?|alive|ready|live|liveness|readiness|startup|health/[a-z]+|healthz/[a-z]+)$'),
        false)
