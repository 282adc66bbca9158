-- Writes of several runs in one transaction. Whether each may happen is decided by append_events and accept_run, as for one
-- alone.
--
--  G1. Each run keeps its own outcome: one that is refused neither stops nor changes the others.
--  G2. Appends wait for each other in no circle: all rows are locked first, in the order of their run ids, as by everybody
--      who locks many rows; then what a row may wait for behind it (Q5), in one order. After that nothing waits.
--  G3. New runs come in in the order of their keys, so two that bring the same keys wait in no circle either.
--  G4. What may wait for yet another writer comes by append_events and accept_run alone: large parts, turns of a thread.

-- p_counts says how many of the events, which stand in the order of the runs, belong to each. One row per run that is named,
-- with its place in p_run_ids.
create function orchestrator.append_many(
  p_run_ids text[], p_epochs int[], p_expected_seqs int[], p_counts int[],
  p_types text[], p_step_ids text[], p_bodies text[], p_sizes int[],
  p_lease_ms int[], p_phases text[], p_wake_ats float8[], p_published int[], p_inbox_taken int[],
  p_statuses text[], p_answers text[], p_completion_reasons text[], p_dead_reasons text[], p_dead_errors text[]
) returns table (
  place int, outcome text, last_seq int, inbox_last int, tenant_id text, times float8[], next_run text
)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_entry record;
begin
  -- G2
  perform from orchestrator.runs r where r.run_id = any (p_run_ids) order by r.run_id for no key update;
  if array_remove(p_statuses, null) <> '{}' then
    perform pg_advisory_xact_lock(thread.key) from (
      select distinct hashtextextended(concat_ws(' ', 'ends', r.tenant_id, r.user_id, r.thread_id), 0) as key
      from unnest(p_run_ids, p_statuses) as n (run_id, status)
      join orchestrator.runs r on r.run_id = n.run_id
      where n.status is not null and r.awaited
      order by key
    ) thread;
  end if;

  for v_entry in
    select n.*, (sum(n.count) over (order by n.place) - n.count)::int as before
    from unnest(p_run_ids, p_epochs, p_expected_seqs, p_counts, p_lease_ms, p_phases, p_wake_ats, p_published,
        p_inbox_taken, p_statuses, p_answers, p_completion_reasons, p_dead_reasons, p_dead_errors)
      with ordinality as n (run_id, epoch, expected_seq, count, lease_ms, phase, wake_at, published, inbox_taken, status,
        answer, completion_reason, dead_reason, dead_error, place)
  loop
    return query
    select v_entry.place::int, a.* from orchestrator.append_events(
      v_entry.run_id, v_entry.epoch, v_entry.expected_seq,
      p_types[v_entry.before + 1 : v_entry.before + v_entry.count],
      p_step_ids[v_entry.before + 1 : v_entry.before + v_entry.count],
      p_bodies[v_entry.before + 1 : v_entry.before + v_entry.count],
      array_fill(null::text, array[v_entry.count]),
      p_sizes[v_entry.before + 1 : v_entry.before + v_entry.count],
      '{}', '{}', v_entry.lease_ms, v_entry.phase, v_entry.wake_at, v_entry.published, v_entry.inbox_taken,
      v_entry.status, v_entry.answer, v_entry.completion_reason, v_entry.dead_reason, v_entry.dead_error
    ) a;
  end loop;
end $$;

-- Accepts runs whose thread does not matter, each with what its owner announces at once: p_counts says how many of the
-- events belong to each. `times`: of these events, null where there are none or the run is not new.
create function orchestrator.accept_many(
  p_run_ids text[], p_tenant_ids text[], p_user_ids text[], p_thread_ids text[], p_keys text[], p_hashes text[],
  p_tasks text[], p_engine_versions int[], p_type text, p_accepted_bodies text[], p_accepted_sizes int[],
  p_owners text[], p_lease_ms int[],
  p_counts int[], p_types text[], p_step_ids text[], p_bodies text[], p_sizes int[]
) returns table (
  place int, outcome text, run_id text, last_seq int, ended boolean, epoch int, ts float8, times float8[]
)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_entry record;
  v_run record;
  v_times float8[];
begin
  for v_entry in
    select n.* from (
      select m.*, (sum(m.count) over (order by m.place) - m.count)::int as before
      from unnest(p_run_ids, p_tenant_ids, p_user_ids, p_thread_ids, p_keys, p_hashes, p_tasks, p_engine_versions,
          p_accepted_bodies, p_accepted_sizes, p_owners, p_lease_ms, p_counts)
        with ordinality as m (run_id, tenant_id, user_id, thread_id, key, hash, task, engine_version, body, size, owner,
          lease_ms, count, place)
    ) n
    order by n.tenant_id, n.user_id, n.key, n.place -- G3
  loop
    select a.* into v_run from orchestrator.accept_run(
      v_entry.run_id, v_entry.tenant_id, v_entry.user_id, v_entry.thread_id, v_entry.key, v_entry.hash, v_entry.task,
      v_entry.engine_version, p_type, v_entry.body, null, v_entry.size, '{}', '{}', v_entry.owner, v_entry.lease_ms,
      null, null, 0
    ) a;
    v_times := null;
    if v_run.outcome = 'created' and v_run.epoch = 1 and v_entry.count > 0 then
      select o.times into v_times from orchestrator.append_events(
        v_entry.run_id, 1, 1,
        p_types[v_entry.before + 1 : v_entry.before + v_entry.count],
        p_step_ids[v_entry.before + 1 : v_entry.before + v_entry.count],
        p_bodies[v_entry.before + 1 : v_entry.before + v_entry.count],
        array_fill(null::text, array[v_entry.count]),
        p_sizes[v_entry.before + 1 : v_entry.before + v_entry.count],
        '{}', '{}', v_entry.lease_ms, null, null, null, null, null, null, null, null, null
      ) o;
    end if;
    return query select v_entry.place::int, v_run.outcome, v_run.run_id, v_run.last_seq, v_run.ended, v_run.epoch,
      v_run.ts, v_times;
  end loop;
end $$;

revoke all on function orchestrator.accept_many(
  text[], text[], text[], text[], text[], text[], text[], int[], text, text[], int[], text[], int[], int[], text[], text[],
  text[], int[]
) from public;
grant execute on function orchestrator.accept_many(
  text[], text[], text[], text[], text[], text[], text[], int[], text, text[], int[], text[], int[], int[], text[], text[],
  text[], int[]
) to switchyard_orchestrator;

revoke all on function orchestrator.append_many(
  text[], int[], int[], int[], text[], text[], text[], int[], int[], text[], float8[], int[], int[], text[], text[], text[],
  text[], text[]
) from public;
grant execute on function orchestrator.append_many(
  text[], int[], int[], int[], text[], text[], text[], int[], int[], text[], float8[], int[], int[], text[], text[], text[],
  text[], text[]
) to switchyard_orchestrator;
