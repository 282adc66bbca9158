-- Who may start now, and what is given up: turns within a thread, pauses after an owner that came to nothing, dead
-- letters.
--
--  Q1. A run that waits for its turn (`after_run`) is given to nobody while a run of its thread that was accepted
--      before it has not ended; except to be cancelled.
--  Q2. Whether a thread is busy is decided under one lock per thread, in the transaction that accepts.
--  Q3. A run whose owner died, or broke, without a new event is left alone for `pause_ms`, and the count of such
--      owners in a row is `stalls`. An owner that gave its lease back does not count.
--  Q4. A dead letter is written in the transaction that ends its run.
--  Q5. Whoever ends the last of the runs for which another waits learns whose turn it is, also where several end at once.
--
-- The functions of J1-J5 keep what they promise. Those of the version before stay, and call the new ones.

alter table orchestrator.runs
  -- Waits for its turn in its thread; the run before it, as it was accepted. Null: does not wait (any more).
  add column after_run text,
  -- Another run waits for its end.
  add column awaited boolean not null default false,
  -- last_seq when the owner took it: what is beyond is this owner's progress.
  add column claimed_seq int not null default 0,
  add column stalls int not null default 0,
  -- How long the next owner waits, should this one come to nothing.
  add column pause_ms int not null default 0,
  -- Public text of what broke last.
  add column fault text;

-- The open runs, by thread: as small as the index over their time that it replaces, and it serves both.
create index runs_open_threads on orchestrator.runs (tenant_id, user_id, thread_id, created_at) where not settled;
drop index orchestrator.runs_open;

create table orchestrator.dead_letters (
  run_id text not null,
  tenant_id text not null,
  user_id text not null,
  task text not null,
  reason text not null,
  error text,
  attempts int not null,
  at timestamptz(3) not null,
  requeued_as text,
  constraint dead_letters_pkey primary key (run_id)
);
create index dead_letters_tenant on orchestrator.dead_letters (tenant_id, at, run_id);
create index dead_letters_open on orchestrator.dead_letters (at) where requeued_as is null;

create function orchestrator.waits_for_turn(r orchestrator.runs) returns boolean language sql stable as $$
  select r.after_run is not null and exists (
    select from orchestrator.runs p
    where p.tenant_id = r.tenant_id and p.user_id = r.user_id and p.thread_id = r.thread_id
      and not p.settled and p.phase <> 'ended' and p.created_at < r.created_at
  )
$$;

-- True where nobody may own the run yet (Q1, Q3).
create function orchestrator.is_held_back(r orchestrator.runs) returns boolean language sql stable as $$
  select (
      (r.last_seq = r.claimed_seq and coalesce(r.lease_until + r.pause_ms * interval '1 millisecond' > clock_timestamp(), false))
      or orchestrator.waits_for_turn(r)
    ) and not exists (
      select from orchestrator.run_inbox i where i.run_id = r.run_id and i.n > r.inbox_taken and i.kind = 'cancel'
    )
$$;

-- The run of the same thread whose turn it is once `r` has ended; null where none waits or another is before it.
create function orchestrator.next_in_thread(r orchestrator.runs) returns text language sql stable as $$
  select n.run_id from (
    select w.* from orchestrator.runs w
    where w.tenant_id = r.tenant_id and w.user_id = r.user_id and w.thread_id = r.thread_id
      and not w.settled and w.phase <> 'ended' and w.run_id <> r.run_id
    order by w.created_at limit 1
  ) n where n.after_run is not null
$$;

-- Accepts a run: the row and its first event. outcome: created | existing | conflict | thread_busy.
-- p_concurrency: reject | queue | cancel_previous, or null where the thread does not matter.
-- `after_run` of the answer: with `created` the run that it waits for, with `thread_busy` the one that is under way.
create function orchestrator.accept_run(
  p_run_id text, p_tenant_id text, p_user_id text, p_thread_id text, p_key text, p_hash text, p_task text,
  p_engine_version int, p_type text, p_body text, p_parts text, p_size int, p_blob_sha256 text[], p_blob_bodies text[],
  p_owner text, p_lease_ms int, p_concurrency text, p_cancel_body text, p_thread_limit int
) returns table (
  outcome text, run_id text, last_seq int, ended boolean, epoch int, ts float8, after_run text, cancelled text[]
)
language plpgsql as $$
#variable_conflict use_column
declare
  v_now timestamptz := orchestrator.next_time('-infinity');
  v_owner text := p_owner;
  v_epoch int;
  v_run orchestrator.runs%rowtype;
  v_open text[] := '{}'; -- of the thread, oldest first
  v_newest timestamptz;
  v_cancelled text[] := '{}';
begin
  if p_concurrency is not null then
    -- Q2. What is new to the statements below was committed before the lock was given.
    perform pg_advisory_xact_lock(hashtextextended(concat_ws(' ', p_tenant_id, p_user_id, p_thread_id), 0));
    if not exists (
      select from orchestrator.runs r
      where r.tenant_id = p_tenant_id and r.user_id = p_user_id and r.idempotency_key = p_key
    ) and not exists (select from orchestrator.runs r where r.run_id = p_run_id) then
      if p_concurrency <> 'reject' then
        -- Whoever ends one of them from here on knows that it is awaited. In the order in which all lock many rows.
        perform from orchestrator.runs r
        where r.tenant_id = p_tenant_id and r.user_id = p_user_id and r.thread_id = p_thread_id
          and not r.settled and r.phase <> 'ended'
        order by r.run_id for no key update;
      end if;
      select coalesce(array_agg(r.run_id order by r.created_at, r.run_id), '{}'), max(r.created_at)
      into v_open, v_newest
      from orchestrator.runs r
      where r.tenant_id = p_tenant_id and r.user_id = p_user_id and r.thread_id = p_thread_id
        and not r.settled and r.phase <> 'ended';
      if cardinality(v_open) > 0 and (p_concurrency = 'reject' or cardinality(v_open) >= p_thread_limit) then
        return query select 'thread_busy', null::text, 0, false, 0, 0::float8, v_open[1], v_cancelled;
        return;
      end if;
      if cardinality(v_open) > 0 then
        if p_concurrency = 'cancel_previous' then
          select coalesce(array_agg(o.run_id), '{}') into v_cancelled
          from unnest(v_open) as o (run_id),
            orchestrator.put_input(o.run_id, 'cancel', 'cancel', p_cancel_body, 2147483647) as put
          where put.outcome = 'created';
        end if;
        update orchestrator.runs r set awaited = true where r.run_id = any (v_open) and not r.awaited;
        v_owner := null;
        v_now := greatest(v_now, v_newest + interval '1 millisecond'); -- the order of the turns
      end if;
    end if;
  end if;

  v_epoch := case when v_owner is null then 0 else 1 end;
  insert into orchestrator.runs as r (
    run_id, tenant_id, user_id, thread_id, idempotency_key, request_hash, task, engine_version, phase, epoch, last_seq,
    lease_owner, lease_until, attempts, claimed_seq, after_run, created_at, updated_at
  ) values (
    p_run_id, p_tenant_id, p_user_id, p_thread_id, p_key, p_hash, p_task, p_engine_version,
    case when v_owner is null then 'queued' else 'running' end, v_epoch, 1,
    v_owner, case when v_owner is not null then v_now + p_lease_ms * interval '1 millisecond' end, v_epoch, v_epoch,
    v_open[cardinality(v_open)], v_now, v_now
  ) on conflict do nothing;
  if found then
    if cardinality(p_blob_sha256) > 0 then
      perform orchestrator.keep_blobs(p_blob_sha256, p_blob_bodies);
    end if;
    insert into orchestrator.run_events (run_id, seq, epoch, type, step_id, body, parts, size, ts)
    values (p_run_id, 1, v_epoch, p_type, null, p_body, p_parts, p_size, v_now);
    return query select 'created', p_run_id, 1, false, v_epoch, orchestrator.millis(v_now),
      v_open[cardinality(v_open)], v_cancelled;
    return;
  end if;
  if cardinality(v_open) > 0 then
    -- Another thread took the key or the id a moment ago. Nothing of this may stand; the next try sees it.
    raise exception 'the key was taken meanwhile' using errcode = 'serialization_failure';
  end if;
  -- The insert waited for whoever held the key, so this sees what was committed.
  select r.* into v_run from orchestrator.runs r
  where r.tenant_id = p_tenant_id and r.user_id = p_user_id and r.idempotency_key = p_key;
  if found and v_run.request_hash = p_hash then
    return query select 'existing', v_run.run_id, v_run.last_seq, v_run.phase = 'ended', v_run.epoch,
      orchestrator.millis(v_run.created_at), null::text, v_cancelled;
  else
    -- The key serves another request, or the run id does.
    return query select 'conflict', null::text, 0, false, 0, 0::float8, null::text, v_cancelled;
  end if;
end $$;

create or replace function orchestrator.accept_run(
  p_run_id text, p_tenant_id text, p_user_id text, p_thread_id text, p_key text, p_hash text, p_task text,
  p_engine_version int, p_type text, p_body text, p_parts text, p_size int, p_blob_sha256 text[], p_blob_bodies text[],
  p_owner text, p_lease_ms int
) returns table (outcome text, run_id text, last_seq int, ended boolean, epoch int, ts float8)
language sql as $$
  select a.outcome, a.run_id, a.last_seq, a.ended, a.epoch, a.ts
  from orchestrator.accept_run(
    p_run_id, p_tenant_id, p_user_id, p_thread_id, p_key, p_hash, p_task, p_engine_version, p_type, p_body, p_parts,
    p_size, p_blob_sha256, p_blob_bodies, p_owner, p_lease_ms, null, null, 0
  ) a
$$;

-- Takes a run that nobody holds. outcome: claimed | busy | held_back | ended | unknown | foreign_version.
-- `stalls` counts the owners in a row that came to nothing; p_pause_ms doubles with each.
create function orchestrator.claim_run(p_run_id text, p_owner text, p_lease_ms int, p_versions int[], p_pause_ms int)
returns table (
  outcome text, epoch int, last_seq int, published_seq int, inbox_taken int, inbox_last int, tenant_id text,
  user_id text, attempts int, stalls int
)
language plpgsql as $$
#variable_conflict use_column
declare
  v_run orchestrator.runs%rowtype;
  v_outcome text;
  v_stalls int;
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
  elsif (v_run.pause_ms > 0 or v_run.after_run is not null) and orchestrator.is_held_back(v_run) then
    v_outcome := 'held_back'; -- Q1, Q3
  else
    v_outcome := 'claimed';
    v_stalls := case
      when v_run.last_seq > v_run.claimed_seq then 0
      when v_run.lease_owner is not null then v_run.stalls + 1
      else v_run.stalls -- given back
    end;
    update orchestrator.runs r
    set epoch = r.epoch + 1,
        phase = 'running',
        attempts = r.attempts + 1,
        lease_owner = p_owner,
        lease_until = clock_timestamp() + p_lease_ms * interval '1 millisecond',
        claimed_seq = r.last_seq,
        stalls = v_stalls,
        pause_ms = case when v_stalls = 0 then 0 else least(60000, p_pause_ms * 2 ^ least(v_stalls - 1, 16))::int end,
        after_run = case when r.after_run is not null and orchestrator.waits_for_turn(v_run) then r.after_run end
    where r.run_id = p_run_id
    returning r.* into v_run;
  end if;
  return query select v_outcome, v_run.epoch, v_run.last_seq, v_run.published_seq, v_run.inbox_taken, v_run.inbox_last,
    v_run.tenant_id, v_run.user_id, v_run.attempts, v_run.stalls;
end $$;

create or replace function orchestrator.claim_run(p_run_id text, p_owner text, p_lease_ms int, p_versions int[])
returns table (
  outcome text, epoch int, last_seq int, published_seq int, inbox_taken int, inbox_last int, tenant_id text,
  user_id text, attempts int
)
language sql as $$
  select case c.outcome when 'held_back' then 'busy' else c.outcome end, c.epoch, c.last_seq, c.published_seq,
    c.inbox_taken, c.inbox_last, c.tenant_id, c.user_id, c.attempts
  from orchestrator.claim_run(p_run_id, p_owner, p_lease_ms, p_versions, 1000) c
$$;

-- claim_run, but for leases that ran out while their owners had no way to renew them (see the take_run before).
create function orchestrator.take_run(
  p_run_id text, p_owner text, p_lease_ms int, p_versions int[], p_take_expired boolean, p_pause_ms int
)
returns table (
  outcome text, epoch int, last_seq int, published_seq int, inbox_taken int, inbox_last int, tenant_id text,
  user_id text, attempts int, stalls int
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
    return query select 'busy', 0, 0, 0, 0, 0, null::text, null::text, 0, 0;
    return;
  end if;
  -- A lease that began since the look above is alive: claim_run refuses it.
  return query select * from orchestrator.claim_run(p_run_id, p_owner, p_lease_ms, p_versions, p_pause_ms);
end $$;

-- Appends what happened together. outcome: appended | fenced | ended | conflict | unknown. `times`: one per event.
-- p_lease_ms 0 gives the lease back. p_status is set exactly where the last event is the terminal one; then `next_run`
-- is the run of the same thread whose turn it is. p_dead_reason, with the terminal event: leaves a dead letter (Q4).
create function orchestrator.append_events(
  p_run_id text, p_epoch int, p_expected_seq int,
  p_types text[], p_step_ids text[], p_bodies text[], p_parts text[], p_sizes int[],
  p_blob_sha256 text[], p_blob_bodies text[],
  p_lease_ms int, p_phase text, p_wake_at float8, p_published int, p_inbox_taken int,
  p_status text, p_answer text, p_completion_reason text, p_dead_reason text, p_dead_error text
) returns table (outcome text, last_seq int, inbox_last int, tenant_id text, times float8[], next_run text)
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
    return query select 'unknown', 0, 0, null::text, null::float8[], null::text;
    return;
  end if;
  if v_run.epoch <> p_epoch then
    return query select 'fenced', v_run.last_seq, v_run.inbox_last, v_run.tenant_id, null::float8[], null::text; -- J2
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
      return query select 'appended', v_run.last_seq, v_run.inbox_last, v_run.tenant_id, v_times,
        case when v_run.awaited and p_status is not null then orchestrator.next_in_thread(v_run) end;
      return;
    end if;
  end if;

  if v_run.phase = 'ended' then
    return query select 'ended', v_run.last_seq, v_run.inbox_last, v_run.tenant_id, null::float8[], null::text; -- J4
    return;
  end if;
  if v_run.lease_owner is null then
    return query select 'fenced', v_run.last_seq, v_run.inbox_last, v_run.tenant_id, null::float8[], null::text; -- J2
    return;
  end if;
  if v_run.last_seq <> p_expected_seq then
    return query select 'conflict', v_run.last_seq, v_run.inbox_last, v_run.tenant_id, null::float8[], null::text; -- J1
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
  if v_run.awaited and p_status is not null then
    -- Q5. Taken behind the row, and by nothing that waits for a row: no circle.
    perform pg_advisory_xact_lock(
      hashtextextended(concat_ws(' ', 'ends', v_run.tenant_id, v_run.user_id, v_run.thread_id), 0));
  end if;
  if p_dead_reason is not null and p_status is not null then
    insert into orchestrator.dead_letters (run_id, tenant_id, user_id, task, reason, error, attempts, at)
    values (p_run_id, v_run.tenant_id, v_run.user_id, v_run.task, p_dead_reason, coalesce(p_dead_error, v_run.fault),
      v_run.stalls, v_now); -- Q4
  end if;
  return query select 'appended', p_expected_seq + v_count, v_run.inbox_last, v_run.tenant_id,
    array_fill(orchestrator.millis(v_now), array[v_count]),
    case when v_run.awaited and p_status is not null then orchestrator.next_in_thread(v_run) end;
end $$;

create or replace function orchestrator.append_events(
  p_run_id text, p_epoch int, p_expected_seq int,
  p_types text[], p_step_ids text[], p_bodies text[], p_parts text[], p_sizes int[],
  p_blob_sha256 text[], p_blob_bodies text[],
  p_lease_ms int, p_phase text, p_wake_at float8, p_published int, p_inbox_taken int,
  p_status text, p_answer text, p_completion_reason text
) returns table (outcome text, last_seq int, inbox_last int, tenant_id text, times float8[])
language sql as $$
  select a.outcome, a.last_seq, a.inbox_last, a.tenant_id, a.times
  from orchestrator.append_events(
    p_run_id, p_epoch, p_expected_seq, p_types, p_step_ids, p_bodies, p_parts, p_sizes, p_blob_sha256, p_blob_bodies,
    p_lease_ms, p_phase, p_wake_at, p_published, p_inbox_taken, p_status, p_answer, p_completion_reason, null, null
  ) a
$$;

revoke all on all functions in schema orchestrator from public;
grant execute on function
  orchestrator.waits_for_turn(orchestrator.runs), orchestrator.is_held_back(orchestrator.runs),
  orchestrator.next_in_thread(orchestrator.runs),
  orchestrator.accept_run(text, text, text, text, text, text, text, int, text, text, text, int, text[], text[], text, int,
    text, text, int),
  orchestrator.claim_run(text, text, int, int[], int), orchestrator.take_run(text, text, int, int[], boolean, int),
  orchestrator.append_events(text, int, int, text[], text[], text[], text[], int[], text[], text[], int, text, float8, int,
    int, text, text, text, text, text)
to switchyard_orchestrator;
grant select, insert on orchestrator.dead_letters to switchyard_orchestrator;
grant update (requeued_as) on orchestrator.dead_letters to switchyard_orchestrator;
