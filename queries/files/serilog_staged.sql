-- Every event of a file of Serilog, one row each: compact JSON (CLEF) or plain JSON, one object per line.
-- Reads NDJSON. A source that unwraps such events from something else writes them to a file of that form and may add
-- to each object: `__line`, the number of the line it stood in; `__service` and `__instance`, used where the event
-- names none; `__time`, used where the event has none. serilog_logs.sql, serilog_requests.sql and
-- serilog_dependencies.sql read the table `staged` that this makes; erp_telemetry/sources/serilog_files.py binds all.
-- $service: service of every event, or null. $naive: zone of times written without one, or null. $weight: property
-- that says how many events one stands for, or null.
-- What is no event, a time without zone and a weight that is no number stop the reading; careful reading names them.
with
    lines as (
        select json as raw, json_keys(json) as names
        from read_json_objects($file, format = 'newline_delimited', maximum_object_size = 33554432)
        where case
            when list_contains(names, '@t') or list_contains(names, '__time') then true
            when list_contains(names, 'Timestamp')
                and list_has_any(names, ['Level', 'MessageTemplate', 'RenderedMessage', 'Properties']) then true
            else error('a line is no event: neither @t nor Timestamp') end
    ),
    -- JSON functions read numbers as doubles: where a line does not come back as written, numbers are marked texts
    marked as (
        select
            raw,
            list_contains(names, '@t') or not list_contains(names, 'Timestamp') as is_compact,
            cast(json_extract(raw, '$') as varchar) <> cast(raw as varchar) as is_marked,
            case when is_marked then cast(
                replace(replace(replace(
                    regexp_replace(raw, '("(?:[^"\\]|\\.)*")|(-?[0-9][-+.0-9eE]*)', '\1' || chr(30) || '\2' || chr(31), 'g'),
                    chr(30) || chr(31), ''), chr(30), '"\u001e'), chr(31), '"') as json)
                else raw end as doc
        from lines
    ),
    parts as (
        select
            is_compact, is_marked,
            json_transform(raw, '{
                "__line": "BIGINT", "__service": "VARCHAR", "__instance": "VARCHAR", "__time": "VARCHAR",
                "@t": "VARCHAR", "@l": "VARCHAR", "@mt": "VARCHAR", "@m": "VARCHAR", "@x": "VARCHAR", "@i": "VARCHAR",
                "@tr": "VARCHAR", "@sp": "VARCHAR", "@st": "VARCHAR", "@ps": "VARCHAR", "@sk": "VARCHAR",
                "@ra": "JSON", "@r": "JSON",
                "Timestamp": "VARCHAR", "Level": "VARCHAR", "MessageTemplate": "VARCHAR", "RenderedMessage": "VARCHAR",
                "Exception": "VARCHAR", "TraceId": "VARCHAR", "SpanId": "VARCHAR", "Renderings": "JSON"}') as e,
            json_transform(case when is_compact then raw else json_extract(raw, '$.Properties') end, '{
                "service.name": "VARCHAR", "ServiceName": "VARCHAR", "ApplicationName": "VARCHAR", "Application": "VARCHAR",
                "service.instance.id": "VARCHAR", "k8s.pod.name": "VARCHAR", "PodName": "VARCHAR",
                "MachineName": "VARCHAR", "HostName": "VARCHAR", "host.name": "VARCHAR",
                "tenant.id": "VARCHAR", "enduser.tenant": "VARCHAR", "erp.tenant": "VARCHAR", "TenantId": "VARCHAR",
                "Tenant": "VARCHAR", "TraceId": "VARCHAR", "SpanId": "VARCHAR",
                "RequestMethod": "VARCHAR", "RequestPath": "VARCHAR", "RequestUri": "VARCHAR", "StatusCode": "VARCHAR",
                "Elapsed": "VARCHAR", "http.route": "VARCHAR", "RouteTemplate": "VARCHAR", "UserAgent": "VARCHAR",
                "http.request.method": "VARCHAR", "http.method": "VARCHAR", "url.path": "VARCHAR", "url.full": "VARCHAR",
                "http.response.status_code": "VARCHAR", "http.status_code": "VARCHAR", "rpc.grpc.status_code": "VARCHAR",
                "user_agent.original": "VARCHAR", "user_agent.synthetic.type": "VARCHAR",
                "SpanStartTimestamp": "VARCHAR", "ParentSpanId": "VARCHAR", "SpanKind": "VARCHAR",
                "db.system.name": "VARCHAR", "db.system": "VARCHAR", "db.namespace": "VARCHAR", "db.name": "VARCHAR",
                "Database": "VARCHAR", "messaging.system": "VARCHAR", "messaging.destination.name": "VARCHAR",
                "rpc.system": "VARCHAR", "rpc.service": "VARCHAR", "server.address": "VARCHAR",
                "peer.service": "VARCHAR"}') as p,
            case when is_compact then [] else coalesce(json_keys(doc, '$.Properties'), []) end as inner_keys,
            inner_keys || json_keys(doc) as keys,
            case when is_compact then [] else coalesce(cast(json_extract(doc, '$.Properties.*') as varchar[]), []) end
                || cast(json_extract(doc, '$.*') as varchar[]) as held
        from marked
    ),
    fields as (
        select
            is_compact, inner_keys, keys, p, e,
            -- the values as JSON texts, with the digits they were written with
            case when is_marked
                then list_transform(held, lambda v: regexp_replace(v, '"\\u001[eE]([^"]*)"', '\1', 'g'))
                else held end as vals,
            coalesce(nullif(case when is_compact then e."@t" else e."Timestamp" end, ''), e.__time) as stamp,
            coalesce(nullif(e."@st", ''), nullif(p.SpanStartTimestamp, '')) as started,
            case when is_compact then e."@l" else e."Level" end as level_word,
            case when is_compact then e."@mt" else e.MessageTemplate end as template,
            case when is_compact then e."@m" else e.RenderedMessage end as message,
            nullif(case when is_compact then e."@x" else e."Exception" end, '') as exception,
            case when is_compact then e."@r" else e.Renderings end as renderings,
            lower(coalesce(
                nullif(case when is_compact then e."@tr" else e.TraceId end, ''),
                case when regexp_full_match(p.TraceId, '[0-9a-fA-F]{32}') then p.TraceId end)) as trace_id,
            lower(coalesce(
                nullif(case when is_compact then e."@sp" else e.SpanId end, ''),
                case when regexp_full_match(p.SpanId, '[0-9a-fA-F]{16}') then p.SpanId end)) as span_id
        from parts
    ),
    read as (
        select
            *,
            -- in nanoseconds, because a start that is counted back from the end is rounded once; year 1 is .NET's no time
            list_transform([stamp, started], lambda t: cast(case
                when starts_with(t, '0001-01-01') then null
                when regexp_matches(t, ':\d\d(\.\d+)?\s*(Z|z|UTC|[+-]\d\d(:?\d\d)?)$') then epoch_us(try_cast(t as timestamptz))
                when $naive is null and try_cast(t as timestamp) is not null then error('a time has no zone')
                else epoch_us(timezone($naive, try_cast(t as timestamp))) end as hugeint) * 1000
                + coalesce(try_cast(rpad(regexp_extract(t, '\.\d{6}(\d{1,3})', 1), 3, '0') as bigint), 0)) as ns,
            started is not null as is_span,
            case lower(trim(coalesce(nullif(level_word, ''), 'information')))
                when 'verbose' then 'verbose' when 'trace' then 'verbose' when 'vrb' then 'verbose' when 'trc' then 'verbose'
                when 'debug' then 'debug' when 'dbg' then 'debug'
                when 'information' then 'information' when 'info' then 'information' when 'inf' then 'information'
                when 'warning' then 'warning' when 'warn' then 'warning' when 'wrn' then 'warning'
                when 'error' then 'error' when 'err' then 'error'
                when 'fatal' then 'critical' when 'critical' then 'critical' when 'ftl' then 'critical'
                when 'crit' then 'critical' end as known_level,
            vals[list_position(keys, $weight)] as weight_text,
            case when coalesce(weight_text, 'null') = 'null' then 1.0
                else coalesce(try_cast(trim(weight_text, '"') as double), error('the weight is no number')) end as weight,
            -- the template in pieces: texts and holes such as {Name}, {@Name,10:format}
            case when message is null and (contains(template, '{') or contains(template, '}')) then regexp_extract_all(template,
                '\{\{|\}\}|\{[@$]?[\pL\pN_.]+(?:,-?\d{1,3})?(?::[^{}]*)?\}|[^{}]+|[{}]') end as tokens,
            coalesce(nullif(p."http.request.method", ''), nullif(p."http.method", ''), nullif(p.RequestMethod, '')) as method,
            nullif(split_part(coalesce(
                nullif(p."url.path", ''), nullif(p.RequestPath, ''),
                regexp_extract(coalesce(nullif(p."url.full", ''), p.RequestUri), '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^?#]*)', 1),
                p.RequestUri), '?', 1), '') as path,
            coalesce(nullif(p."http.response.status_code", ''), nullif(p."http.status_code", ''),
                nullif(p.StatusCode, ''), nullif(p."rpc.grpc.status_code", '')) as status_code
        from fields
    ),
    rendered as (
        select
            *,
            list_transform(tokens, lambda t, i: case
                when t = '{{' then '{'
                when t = '}}' then '}'
                when t not like '{_%}' then t
                else coalesce(
                    -- a hole with a format: the n-th of them is the n-th rendering; plain JSON has it by name and format
                    case
                        when renderings is null or not contains(t, ':') then null
                        when is_compact then json_extract_string(
                            renderings, '$[' || (len(list_filter(tokens[1:i], lambda x: x like '{_%:%}')) - 1) || ']')
                        else list_filter(
                            try_cast(json_extract(renderings, '$."' || regexp_extract(t, '^\{[@$]?([^,:}]+)', 1) || '"')
                                as struct("Format" varchar, Rendering varchar)[]),
                            lambda r: r."Format" = regexp_extract(t, ':(.*)\}$', 1))[1].Rendering end,
                    list_transform(
                        [vals[list_position(keys, regexp_extract(t, '^\{[@$]?([^,:}]+)', 1))]],
                        lambda v: list_transform(
                            [case when starts_with(v, '"') then json_extract_string(v, '$') else v end],
                            -- {Name,9} is put to the right of nine places, {Name,-9} to the left
                            lambda said: case when not contains(t, ',') then said else
                                repeat(' ', coalesce(try_cast(regexp_extract(t, '^\{[^,:]+,(\d+)', 1) as bigint), 0) - length(said))
                                || said ||
                                repeat(' ', coalesce(try_cast(regexp_extract(t, '^\{[^,:]+,-(\d+)', 1) as bigint), 0) - length(said))
                                end)[1])[1],
                    t) end) as texts
        from read
    )
select
    e.__line as line, trace_id, span_id, is_span, weight, exception, ns[1] as end_ns, ns[2] as start_ns,
    make_timestamptz(cast(ns[1] // 1000 as bigint)) as at_time,
    coalesce($service, nullif(e."@ra" ->> '$."service.name"', ''), nullif(e."@ra" ->> '$.service.name', ''),
        nullif(p."service.name", ''), nullif(p.ServiceName, ''), nullif(p.ApplicationName, ''), nullif(p.Application, ''),
        nullif(e.__service, ''), 'unknown_service') as service,
    coalesce(nullif(e."@ra" ->> '$."service.instance.id"', ''), nullif(p."service.instance.id", ''),
        nullif(p."k8s.pod.name", ''), nullif(p.PodName, ''), nullif(e.__instance, ''), nullif(p.MachineName, ''),
        nullif(p.HostName, ''), nullif(p."host.name", '')) as instance,
    coalesce(nullif(p."tenant.id", ''), nullif(p."enduser.tenant", ''), nullif(p."erp.tenant", ''),
        nullif(p.TenantId, ''), nullif(p.Tenant, '')) as tenant,
    coalesce(known_level, 'information') as level,
    coalesce(nullif(template, ''), '@i:' || nullif(e."@i", '')) as template,
    coalesce(message, array_to_string(texts, ''), template) as message,
    -- the type stands before the colon of the first line
    nullif(regexp_extract(exception,
        '^\s*([A-Za-z_][\w.+`$]*(?:\[[^\r\n]*?\])?)(?:[ \t]+\(0x[0-9A-Fa-f]+\))?[ \t]*(?::|\r|\n|$)', 1), '') as exception_type,
    cast('{' || array_to_string(list_transform(
        list_filter(range(1, len(keys) + 1), lambda i: i <= len(inner_keys) or case
            when keys[i] in ('@l', 'Level') and known_level is null and (keys[i] = '@l') = is_compact then true
            when is_compact then keys[i] not in ('@t', '@mt', '@m', '@l', '@x', '@r', '@tr', '@sp',
                '__line', '__service', '__instance', '__time')
            when keys[i] = 'Properties' then not starts_with(vals[i], '{')
            else keys[i] not in ('Timestamp', 'Level', 'MessageTemplate', 'RenderedMessage', 'Exception', 'Renderings',
                'TraceId', 'SpanId', '__line', '__service', '__instance', '__time') end),
        lambda i: cast(to_json(case when i > len(inner_keys) and starts_with(keys[i], '@@') then keys[i][2:] else keys[i] end)
            as varchar) || ':' || vals[i]), ',') || '}' as json) as attributes,
    -- what a request or a call is told by
    lower(coalesce(nullif(e."@sk", ''), nullif(p.SpanKind, ''), 'internal')) as span_kind,
    lower(coalesce(nullif(e."@ps", ''), nullif(p.ParentSpanId, ''))) as parent_id,
    not is_span and nullif(p.RequestMethod, '') is not null and nullif(p.RequestPath, '') is not null
        and try_cast(p.StatusCode as integer) is not null and isfinite(try_cast(p.Elapsed as double)) as is_completion,
    try_cast(p.Elapsed as double) as elapsed_ms,
    status_code, path as url_path,
    coalesce(method || ' ' || coalesce(nullif(p."http.route", ''), nullif(p.RouteTemplate, ''), path),
        nullif(template, ''), message) as operation,
    coalesce(nullif(p."user_agent.original", ''), nullif(p.UserAgent, '')) as user_agent,
    nullif(p."user_agent.synthetic.type", '') as synthetic,
    coalesce(nullif(p."db.namespace", ''), nullif(p."db.name", ''), nullif(p.Database, ''),
        nullif(p."messaging.destination.name", ''), nullif(p."server.address", ''), nullif(p."peer.service", ''),
        nullif(regexp_extract(coalesce(nullif(p."url.full", ''), p.RequestUri), '^[A-Za-z][A-Za-z0-9+.-]*://([^/?#:]+)', 1), ''))
        as resource,
    case
        when contains(lower(concat_ws(' ', p."rpc.service", case when is_span then template end)), 'dapr') then 'dapr'
        when coalesce(p."db.system.name", p."db.system") = 'redis' then 'redis'
        when coalesce(p."db.system.name", p."db.system") is not null or template like 'SQL {Operation}%' then 'sql'
        when p."messaging.system" is not null then 'queue'
        when method is not null then 'http'
        when p."rpc.system" is not null then p."rpc.system"
        when span_kind in ('producer', 'consumer') then 'queue'
        when span_kind = 'internal' then 'internal' end as kind
from rendered
