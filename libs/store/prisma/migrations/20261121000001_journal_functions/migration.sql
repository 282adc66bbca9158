-- The journal: what Prisma's schema cannot say, and the functions that alone write it.
--
--  J1. The events of a run are numbered 1, 2, 3, … without a hole, and are never changed.
--  J2. Whoever appends holds the row lock of the run, the current epoch and the lease. Everybody else is refused.
--  J3. Repeating the very same append under the same epoch is answered as success and writes nothing.
--  J4. Nothing follows `orchestrator.task.completed`.
--  J5. All times are the database's; within a run they do not go back.
--
-- "for no key update" is the lock that an update takes. Every function locks one run, so they cannot deadlock.

alter table orchestrator.runs
  add constraint runs_phase check (phase in ('queued', 'running', 'waiting', 'ended')),
  add constraint runs_published check (published_seq <= last_seq),
  add constraint runs_inbox check (inbox_taken <= inbox_last),
  add constraint runs_ended check ((phase = 'ended') = (status is not null) and (phase = 'ended') = (ended_at is not null)),
  add constraint runs_settled check (not settled or (phase = 'ended' and published_seq = last_seq)),
  add constraint runs_lease check ((lease_owner is null) = (lease_until is null));

-- Room on each page for the next version of a row: an append touches no indexed column, so with room it writes no index.
alter table orchestrator.runs set (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);

create function orchestrator.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of %.% are never changed', tg_table_schema, tg_table_name using errcode = 'restrict_violation';
end $$;

create trigger run_events_are_final before update on orchestrator.run_events
  for each row execute function orchestrator.refuse_change();

-- The time of something that happens now to a run that was last touched at p_last.
create function orchestrator.next_time(p_last timestamptz) returns timestamptz language sql volatile as $$
  select greatest(date_trunc('milliseconds', clock_timestamp()), p_last)
$$;

create function orchestrator.millis(p_time timestamptz) returns float8 language sql immutable as $$
  select round(extract(epoch from p_time) * 1000)::float8
$$;

create function orchestrator.keep_blobs(p_sha256 text[], p_bodies text[]) returns void language sql as $$
  insert into orchestrator.blobs (sha256, length, body)
  select b.sha256, octet_length(b.body), b.body
  from unnest(p_sha256, p_bodies) as b (sha256, body)
  order by b.sha256 -- one order for all writers: two that keep the same blobs wait for each other, not in a circle
  on conflict do nothing
$$;

-- Accepts a run: the row and its first event. outcome: created | existing | conflict.
create function orchestrator.accept_run(
  p_run_id text, p_tenant_id text, p_user_id text, p_thread_id text, p_key text, p_hash text, p_task text,
  p_engine_version int, p_type text, p_body text, p_parts text, p_size int, p_blob_sha256 text[], p_blob_bodies text[],
  p_owner text, p_lease_ms int
) returns table (outcome text, run_id text, last_seq int, ended boolean, epoch int, ts float8)
language plpgsql as $$
#variable_conflict use_column
declare
  v_now timestamptz := orchestrator.next_time('-infinity');
  v_epoch int := case when p_owner is null then 0 else 1 end;
  v_run orchestrator.runs%rowtype;
begin
  insert into orchestrator.runs as r (
    run_id, tenant_id, user_id, thread_id, idempotency_key, request_hash, task, engine_version, phase, epoch, last_seq,
    lease_owner, lease_until, attempts, created_at, updated_at
  ) values (
    p_run_id, p_tenant_id, p_user_id, p_thread_id, p_key, p_hash, p_task, p_engine_version,
    case when p_owner is null then 'queued' else 'running' end, v_epoch, 1,
    p_owner, case when p_owner is not null then v_now + p_lease_ms * interval '1 millisecond' end, v_epoch, v_now, v_now
  ) on conflict do nothing;
  if found then
    if cardinality(p_blob_sha256) > 0 then
      perform orchestrator.keep_blobs(p_blob_sha256, p_blob_bodies);
    end if;
    insert into orchestrator.run_events (run_id, seq, epoch, type, step_id, body, parts, size, ts)
    values (p_run_id, 1, v_epoch, p_type, null, p_body, p_parts, p_size, v_now);
    return query select 'created', p_run_id, 1, false, v_epoch, orchestrator.millis(v_now);
    return;
  end if;
  -- The insert waited for whoever held the key, so this sees what was committed.
  select r.* into v_run from orchestrator.runs r
  where r.tenant_id = p_tenant_id and r.user_id = p_user_id and r.idempotency_key = p_key;
  if found and v_run.request_hash = p_hash then
    return query select 'existing', v_run.run_id, v_run.last_seq, v_run.phase = 'ended', v_run.epoch,
      orchestrator.millis(v_run.created_at);
  else
    -- The key serves another request, or the run id does.
    return query select 'conflict', null::text, 0, false, 0, 0::float8;
  end if;
end $$;

-- Takes a run that nobody holds. outcome: claimed | busy | ended | unknown | foreign_version.
create function orchestrator.claim_run(p_run_id text, p_owner text, p_lease_ms int, p_versions int[])
returns table (
  outcome text, epoch int, last_seq int, published_seq int, inbox_taken int, inbox_last int, tenant_id text,
  user_id text, attempts int
)
language plpgsql as $$
#variable_conflict use_column
declare
  v_run orchestrator.runs%rowtype;
  v_outcome text;
begin
  select r.* into v_run from orchestrator.runs r where r.run_id = p_run_id for no key update;
  if not found then
    v_outcome := 'unknown';
  elsif v_run.phase = 'ended' then
    v_outcome := 'ended';
  elsif v_run.engine_version <> all (p_versions) then
    v_outcome := 'foreign_version';
  elsif v_run.lease_until >= clock_timestamp() then
    v_outcome := 'busy';
  else
    v_outcome := 'claimed';
    update orchestrator.runs r
    set epoch = r.epoch + 1,
        phase = 'running',
        attempts = r.attempts + 1,
        lease_owner = p_owner,
        lease_until = clock_timestamp() + p_lease_ms * interval '1 millisecond'
    where r.run_id = p_run_id
    returning r.* into v_run;
  end if;
  return query select v_outcome, v_run.epoch, v_run.last_seq, v_run.published_seq, v_run.inbox_taken, v_run.inbox_last,
    v_run.tenant_id, v_run.user_id, v_run.attempts;
end $$;

-- Appends what happened together. outcome: appended | fenced | ended | conflict | unknown. `times`: one per event.
-- p_lease_ms 0 gives the lease back. p_status is set exactly where the last event is the terminal one.
create function orchestrator.append_events(
  p_run_id text, p_epoch int, p_expected_seq int,
  p_types text[], p_step_ids text[], p_bodies text[], p_parts text[], p_sizes int[],
  p_blob_sha256 text[], p_blob_bodies text[],
  p_lease_ms int, p_phase text, p_wake_at float8, p_published int, p_inbox_taken int,
  p_status text, p_answer text, p_completion_reason text
) returns table (outcome text, last_seq int, inbox_last int, tenant_id text, times float8[])
language plpgsql as $$
#variable_conflict use_column
declare
  v_run orchestrator.runs%rowtype;
  v_count int := coalesce(cardinality(p_types), 0);
  v_now timestamptz;
  v_lease_until timestamptz := null;
  v_same boolean;
  v_times float8[];
  v_published int;
begin
  select r.* into v_run from orchestrator.runs r where r.run_id = p_run_id for no key update;
  if not found then
    return query select 'unknown', 0, 0, null::text, null::float8[];
    return;
  end if;
  if v_run.epoch <> p_epoch then
    return query select 'fenced', v_run.last_seq, v_run.inbox_last, v_run.tenant_id, null::float8[]; -- J2
    return;
  end if;

  if v_count > 0 and v_run.last_seq >= p_expected_seq + v_count then
    -- J3: the reply to the first try was lost. The lease was set by that try; it is not touched again.
    select bool_and(
        e.epoch = p_epoch and e.type = n.type and e.body = n.body
        and e.step_id is not distinct from n.step_id and e.parts is not distinct from n.parts
      ), array_agg(orchestrator.millis(e.ts) order by n.place)
    into v_same, v_times
    from unnest(p_types, p_step_ids, p_bodies, p_parts) with ordinality as n (type, step_id, body, parts, place)
    join orchestrator.run_events e on e.run_id = p_run_id and e.seq = p_expected_seq + n.place;
    if v_same and cardinality(v_times) = v_count then
      return query select 'appended', v_run.last_seq, v_run.inbox_last, v_run.tenant_id, v_times;
      return;
    end if;
  end if;

  if v_run.phase = 'ended' then
    return query select 'ended', v_run.last_seq, v_run.inbox_last, v_run.tenant_id, null::float8[]; -- J4
    return;
  end if;
  if v_run.lease_owner is null then
    return query select 'fenced', v_run.last_seq, v_run.inbox_last, v_run.tenant_id, null::float8[]; -- J2
    return;
  end if;
  if v_run.last_seq <> p_expected_seq then
    return query select 'conflict', v_run.last_seq, v_run.inbox_last, v_run.tenant_id, null::float8[]; -- J1
    return;
  end if;

  v_now := orchestrator.next_time(v_run.updated_at); -- J5
  if cardinality(p_blob_sha256) > 0 then
    perform orchestrator.keep_blobs(p_blob_sha256, p_blob_bodies);
  end if;
  if v_count > 0 then
    insert into orchestrator.run_events (run_id, seq, epoch, type, step_id, body, parts, size, ts)
    select p_run_id, p_expected_seq + n.place, p_epoch, n.type, n.step_id, n.body, n.parts, n.size, v_now
    from unnest(p_types, p_step_ids, p_bodies, p_parts, p_sizes)
      with ordinality as n (type, step_id, body, parts, size, place);
  end if;
  if p_lease_ms > 0 and p_status is null then
    v_lease_until := clock_timestamp() + p_lease_ms * interval '1 millisecond';
  end if;
  -- least() passes over null: without the coalesce, "not said" would mean "everything".
  v_published := greatest(v_run.published_seq, least(coalesce(p_published, 0), p_expected_seq + v_count));
  update orchestrator.runs r
  set last_seq = p_expected_seq + v_count,
      published_seq = v_published,
      settled = p_status is not null and v_published = p_expected_seq + v_count,
      phase = case when p_status is not null then 'ended' else coalesce(p_phase, r.phase) end,
      wake_at = case when p_phase = 'waiting' and p_status is null
                     then to_timestamp(p_wake_at / 1000) else r.wake_at end,
      inbox_taken = greatest(r.inbox_taken, p_inbox_taken),
      status = p_status,
      answer = p_answer,
      completion_reason = p_completion_reason,
      ended_at = case when p_status is not null then v_now end,
      lease_owner = case when v_lease_until is not null then r.lease_owner end,
      lease_until = v_lease_until,
      updated_at = v_now
  where r.run_id = p_run_id;
  return query select 'appended', p_expected_seq + v_count, v_run.inbox_last, v_run.tenant_id,
    array_fill(orchestrator.millis(v_now), array[v_count]);
end $$;

-- Leaves an input. outcome: created | existing | ended | full | unknown.
create function orchestrator.put_input(p_run_id text, p_kind text, p_dedup_key text, p_body text, p_limit int)
returns table (outcome text, n int, ended boolean)
language plpgsql as $$
#variable_conflict use_column
declare
  v_run orchestrator.runs%rowtype;
  v_n int;
  v_now timestamptz;
begin
  select r.* into v_run from orchestrator.runs r where r.run_id = p_run_id for no key update;
  if not found then
    return query select 'unknown', 0, false;
    return;
  end if;
  select i.n into v_n from orchestrator.run_inbox i where i.run_id = p_run_id and i.dedup_key = p_dedup_key;
  if found then
    return query select 'existing', v_n, v_run.phase = 'ended';
    return;
  end if;
  if v_run.phase = 'ended' then
    return query select 'ended', 0, true;
    return;
  end if;
  if v_run.inbox_last - v_run.inbox_taken >= p_limit then
    return query select 'full', 0, false;
    return;
  end if;
  v_n := v_run.inbox_last + 1;
  v_now := orchestrator.next_time(v_run.updated_at);
  insert into orchestrator.run_inbox (run_id, n, kind, dedup_key, body, created_at)
  values (p_run_id, v_n, p_kind, p_dedup_key, p_body, v_now);
  update orchestrator.runs r set inbox_last = v_n, updated_at = v_now where r.run_id = p_run_id;
  return query select 'created', v_n, false;
end $$;
