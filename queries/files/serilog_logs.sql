-- Events as log rows. A span is no log event, unless it carries an exception, which would be lost otherwise.
select
    line, at_time as "time", service, instance, tenant, level, message, template, exception_type, exception, weight,
    attributes, trace_id, span_id
from staged
where not is_span or exception is not null
