-- Incidents that touch a window, oldest first.
-- reads: incidents
-- unit: 1
-- by: service
-- An incident that is over at an unknown moment was over when its record was written; without that
-- moment it touches the window it began in.
with
    known as (
        select
            *,
            coalesce(
                impact_end,
                case when status is null or status in ('resolved', 'closed') then coalesce(resolved, closed) end,
                case when status in ('resolved', 'closed') then coalesce(updated_at, impact_start) end,
                cast('infinity' as timestamptz)) as ended_by
        from incidents
    )
select
    id, title, severity, status, class as critical_issue, impact, coalesce(services, []) as services, impact_start,
    coalesce(is_start_estimated, false) as is_start_estimated, detected, declared, acknowledged, mitigated, impact_end,
    resolved, closed, restored, last_recoverable, cause, detected_by
from known
where impact_start < $stop and (ended_by > $start or impact_start >= $start)
order by impact_start, id
