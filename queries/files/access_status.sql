-- nginx Plus status snapshots as metric points: every counter and gauge, named by where it stands in the snapshot.
-- Counters are cumulative. Zones, upstream peers and caches are the resource; TLS counters are each worker's own.
with
    lines as (
        select
            case when $is_spooled then cast(text ->> '__line' as bigint) end as line,
            cast(case when $is_spooled then text ->> 'text' else text end as json) as body
        from read_csv($file, header = false, auto_detect = false, columns = {'text': 'VARCHAR'},
            delim = e'\x1f', quote = '', escape = '')
        where text is not null
    ),
    snapshots as (
        select
            line, body,
            make_timestamptz(try_cast(body ->> 'timestamp' as bigint) * 1000) as "time",
            body ->> 'pid' as pid,
            body ->> 'address' as address
        from lines
        where case
            when $is_spooled or (try_cast(body ->> 'timestamp' as bigint) is not null and (body -> 'requests') is not null)
                then true
            else error('not a status snapshot: ' || left(cast(body as varchar), 40)) end
    ),
    scopes as (
        select line, "time", address as instance, 'processes' as scope, cast(null as varchar) as resource,
            body -> 'processes' as part from snapshots
        union all select line, "time", address, 'connections', null, body -> 'connections' from snapshots
        union all select line, "time", address, 'requests', null, body -> 'requests' from snapshots
        union all select line, "time", pid, 'ssl', null, body -> 'ssl' from snapshots
        union all select line, "time", address, 'zone', zone."key", zone."value"
            from snapshots, json_each(body -> 'server_zones') as zone
        union all select line, "time", address, 'cache', cache."key", cache."value"
            from snapshots, json_each(body -> 'caches') as cache
        union all select line, "time", address, 'upstream', upstream."key" || '/' || (peer."value" ->> 'server'),
                peer."value"
            from snapshots, json_each(body -> 'upstreams') as upstream,
                json_each(coalesce(upstream."value" -> 'peers', upstream."value")) as peer
        union all select line, "time", address, 'stream.zone', zone."key", zone."value"
            from snapshots, json_each(body -> 'stream' -> 'server_zones') as zone
        union all select line, "time", address, 'stream.upstream',
                upstream."key" || '/' || (peer."value" ->> 'server'), peer."value"
            from snapshots, json_each(body -> 'stream' -> 'upstreams') as upstream,
                json_each(coalesce(upstream."value" -> 'peers', upstream."value")) as peer
    ),
    points as (
        select
            line, "time", instance, resource,
            'nginx.' || scope || '.' || replace(substr(leaf.fullkey, 3), '"', '') as name,
            leaf."key" as last_key,
            try_cast(leaf."value" as double) as "value"
        from scopes, json_tree(scopes.part) as leaf
        where leaf."type" in ('BIGINT', 'UBIGINT', 'DOUBLE')
          -- numbers that are configuration, identity or a moment, not a measurement
          and leaf."key" not in ('id', 'weight', 'max_conns', 'downstart', 'selected')
    )
select
    line, "time", coalesce(cast($service as varchar), 'unknown_service') as service, instance, resource, name,
    case when last_key in ('sent', 'received', 'size', 'max_size') or last_key like 'bytes%' then 'By'
        when last_key = 'downtime' or last_key like '%\_time' escape '\' then 'ms' else '1' end as unit,
    case when last_key in ('current', 'active', 'idle', 'processing', 'size', 'max_size', 'keepalive', 'zombies')
            or last_key like '%\_time' escape '\' then 'gauge' else 'cumulative' end as kind,
    "value"
from points
