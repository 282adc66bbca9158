-- A lease that ran out while PostgreSQL was away says nothing of its owner, who could not renew it. After a restart of
-- the server such leases are therefore left alone for one lease; living owners renew theirs in the first second.
-- `p_take_expired` = false does the same for a caller that knows of another outage, such as its own.
create function orchestrator.take_run(
  p_run_id text, p_owner text, p_lease_ms int, p_versions int[], p_take_expired boolean
)
returns table (
  outcome text, epoch int, last_seq int, published_seq int, inbox_taken int, inbox_last int, tenant_id text,
  user_id text, attempts int
)
language plpgsql as $$
declare
  v_start timestamptz := pg_postmaster_start_time();
  v_just_started boolean := v_start > clock_timestamp() - p_lease_ms * interval '1 millisecond';
begin
  if (v_just_started or not p_take_expired) and exists (
    select from orchestrator.runs r
    where r.run_id = p_run_id and r.lease_owner is not null and r.phase <> 'ended'
      and (not p_take_expired or r.lease_until < v_start + interval '1 second')
  ) then
    return query select 'busy', 0, 0, 0, 0, 0, null::text, null::text, 0;
    return;
  end if;
  -- A lease that began since the look above is alive: claim_run refuses it.
  return query select * from orchestrator.claim_run(p_run_id, p_owner, p_lease_ms, p_versions);
end $$;

revoke all on function orchestrator.take_run(text, text, int, int[], boolean) from public;
grant execute on function orchestrator.take_run(text, text, int, int[], boolean) to switchyard_orchestrator;
