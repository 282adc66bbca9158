-- Who watches a run whose `on_disconnect` is not `continue`. Every replica of the gateway that shows such a run to
-- somebody renews its watch; when the last one stopped, or died, the watch runs out and the run is asked to stop.
-- Promises:
--  U1 A watch only ever grows: of two who watch, the one that leaves takes nothing from the other.
--  U2 By the database's clock alone; a dead gateway needs nobody to notice it.
--  U3 A run that nobody ever watched in this way costs nothing: its columns are null and it is in no index.
--  U4 A run that waits for a person is left alone: nobody need sit before it.
alter table orchestrator.runs add column watched_until timestamptz(3), add column watch_ms integer;

create index runs_watched on orchestrator.runs (watched_until) where watched_until is not null and not settled;

-- Asks the runs whose watch ran out to stop; answers them.
create function orchestrator.stop_unwatched(p_body text, p_limit int)
returns table (run_id text, tenant_id text, owned boolean)
language plpgsql as $$
#variable_conflict use_column
declare
  v_run record;
begin
  for v_run in
    select r.run_id, r.tenant_id, r.lease_owner is not null as owned from orchestrator.runs r
    where r.watched_until < clock_timestamp() and not r.settled and r.phase in ('queued', 'running') -- U4
    order by r.watched_until limit p_limit
    for no key update skip locked
  loop
    perform orchestrator.put_input(v_run.run_id, 'cancel', 'cancel', p_body, 2147483647);
    update orchestrator.runs r set watched_until = null where r.run_id = v_run.run_id;
    return query select v_run.run_id, v_run.tenant_id, v_run.owned;
  end loop;
end $$;

revoke all on function orchestrator.stop_unwatched(text, int) from public;
grant execute on function orchestrator.stop_unwatched(text, int) to switchyard_orchestrator;
