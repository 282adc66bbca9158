-- The ledger of the computer-use agent: which screen a step was given, what was decided turn by turn, what the hands were
-- told to do, and what the screen showed.
--
--  C1. A step has one living session, with one holder under a lease. A holder whose lease ran out is lost, and nothing it
--      says afterwards is taken: no decision, no action, no outcome.
--  C2. A sealed session reaches nothing but itself, so the step of a lost one begins anew, under the next generation. An
--      open one begins anew only where every action of it was harmless; else the step is in doubt.
--  C3. A turn is decided once in a generation, and its action is dispatched at most once.
--  C4. A known outcome never changes: a step that comes again is answered with it.
--  C5. The services write all of it by these functions alone, but for frames, which have no state.

create schema computer_use;

create table computer_use.sessions (
  tenant_id text not null,
  user_id text not null,
  step_key text not null,
  generation int not null,
  run_id text not null,
  step_id text not null,
  backend text not null,
  network text not null,
  state text not null,
  holder text not null,
  lease_until timestamptz(3) not null,
  result text,
  created_at timestamptz(3) not null,
  ended_at timestamptz(3),
  constraint sessions_pkey primary key (tenant_id, user_id, step_key, generation),
  constraint sessions_network check (network in ('sealed', 'open')),
  constraint sessions_state check (state in ('open', 'lost', 'ended')),
  constraint sessions_result check ((result is not null) = (state = 'ended')),
  constraint sessions_size check (length(result) <= 1000000)
);
create index sessions_ended on computer_use.sessions (ended_at);

create table computer_use.turns (
  tenant_id text not null,
  user_id text not null,
  step_key text not null,
  generation int not null,
  turn int not null,
  body text not null,
  created_at timestamptz(3) not null,
  constraint turns_pkey primary key (tenant_id, user_id, step_key, generation, turn),
  constraint turns_size check (length(body) <= 1000000)
);

create table computer_use.actions (
  tenant_id text not null,
  user_id text not null,
  step_key text not null,
  generation int not null,
  turn int not null,
  kind text not null,
  harmless boolean not null,
  digest text not null,
  state text not null,
  frame_before text not null,
  frame_after text,
  changed boolean,
  dispatched_at timestamptz(3) not null,
  done_at timestamptz(3),
  constraint actions_pkey primary key (tenant_id, user_id, step_key, generation, turn),
  constraint actions_state check (state in ('dispatched', 'done'))
);

create table computer_use.frames (
  tenant_id text not null,
  run_id text not null,
  sha256 text not null,
  width int not null,
  height int not null,
  png bytea not null,
  created_at timestamptz(3) not null default clock_timestamp(),
  constraint frames_pkey primary key (tenant_id, run_id, sha256),
  constraint frames_size check (octet_length(png) <= 8388608)
);
create index frames_created on computer_use.frames (created_at);

-- C1, C2, C4. Answers `mine` (with the generation to name from now on), `running`, or `known` with the outcome.
create function computer_use.begin_session(
  p_tenant text, p_user text, p_key text, p_run text, p_step text, p_backend text, p_network text, p_holder text,
  p_lease_ms int
) returns table (outcome text, generation int, result text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_row computer_use.sessions;
  v_now timestamptz;
  v_next int;
begin
  loop
    select s.* into v_row from computer_use.sessions s
    where s.tenant_id = p_tenant and s.user_id = p_user and s.step_key = p_key
    order by s.generation desc limit 1 for update;
    v_next := 1;
    if found then
      v_now := clock_timestamp(); -- after the wait for the lock
      if v_row.state = 'ended' then
        return query select 'known', v_row.generation, v_row.result;
        return;
      end if;
      if v_row.state = 'open' and v_row.holder = p_holder then -- the reply to this very call was lost
        update computer_use.sessions s set lease_until = v_now + p_lease_ms * interval '1 millisecond'
        where s.tenant_id = p_tenant and s.user_id = p_user and s.step_key = p_key and s.generation = v_row.generation;
        return query select 'mine', v_row.generation, null::text;
        return;
      end if;
      if v_row.state = 'open' and v_row.lease_until >= v_now then
        return query select 'running', v_row.generation, null::text;
        return;
      end if;
      if v_row.state = 'open' and v_row.network = 'open' and exists (
        select from computer_use.actions a
        where a.tenant_id = p_tenant and a.user_id = p_user and a.step_key = p_key
          and a.generation = v_row.generation and not a.harmless
      ) then
        v_row.result := computer_use.worker_lost();
        update computer_use.sessions s set state = 'ended', result = v_row.result, ended_at = v_now
        where s.tenant_id = p_tenant and s.user_id = p_user and s.step_key = p_key and s.generation = v_row.generation;
        return query select 'known', v_row.generation, v_row.result;
        return;
      end if;
      if v_row.state = 'open' then
        update computer_use.sessions s set state = 'lost', ended_at = v_now
        where s.tenant_id = p_tenant and s.user_id = p_user and s.step_key = p_key and s.generation = v_row.generation;
      end if;
      v_next := v_row.generation + 1;
    end if;
    v_now := clock_timestamp();
    insert into computer_use.sessions (
      tenant_id, user_id, step_key, generation, run_id, step_id, backend, network, state, holder, lease_until, created_at
    ) values (
      p_tenant, p_user, p_key, v_next, p_run, p_step, p_backend, p_network, 'open', p_holder,
      v_now + p_lease_ms * interval '1 millisecond', v_now
    ) on conflict do nothing;
    if found then
      return query select 'mine', v_next, null::text;
      return;
    end if;
  end loop;
end $$;

-- The outcome of a step whose worker was lost after it had acted in an open session.
create function computer_use.worker_lost() returns text language sql immutable set search_path = pg_catalog, pg_temp as $$
  select '{"status":"in_doubt","code":"tool_in_doubt","message":"The worker was lost after it had acted on a screen with a network. Whether its last action had an effect is not known; the frames of the run show what it saw."}'
$$;

-- C1: true while the session is open and this holder's.
create function computer_use.renew_session(
  p_tenant text, p_user text, p_key text, p_generation int, p_holder text, p_lease_ms int
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update computer_use.sessions s set lease_until = clock_timestamp() + p_lease_ms * interval '1 millisecond'
  where s.tenant_id = p_tenant and s.user_id = p_user and s.step_key = p_key and s.generation = p_generation
    and s.holder = p_holder and s.state = 'open';
  return found;
end $$;

-- Locks the session against whoever would take the step over; false where it is not this holder's any more.
create function computer_use.hold_session(p_tenant text, p_user text, p_key text, p_generation int, p_holder text)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform from computer_use.sessions s
  where s.tenant_id = p_tenant and s.user_id = p_user and s.step_key = p_key and s.generation = p_generation
    and s.holder = p_holder and s.state = 'open'
  for share;
  return found;
end $$;

-- C3: answers what is kept; null where the session is another's now.
create function computer_use.keep_turn(
  p_tenant text, p_user text, p_key text, p_generation int, p_holder text, p_turn int, p_body text
) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_body text;
begin
  if not computer_use.hold_session(p_tenant, p_user, p_key, p_generation, p_holder) then
    return null;
  end if;
  insert into computer_use.turns (tenant_id, user_id, step_key, generation, turn, body, created_at)
  values (p_tenant, p_user, p_key, p_generation, p_turn, p_body, clock_timestamp())
  on conflict do nothing;
  select t.body into v_body from computer_use.turns t
  where t.tenant_id = p_tenant and t.user_id = p_user and t.step_key = p_key and t.generation = p_generation
    and t.turn = p_turn;
  return v_body;
end $$;

-- C3: from here on the action may happen. False: it is not to be done.
create function computer_use.dispatch_action(
  p_tenant text, p_user text, p_key text, p_generation int, p_holder text, p_turn int, p_kind text, p_harmless boolean,
  p_digest text, p_frame text
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not computer_use.hold_session(p_tenant, p_user, p_key, p_generation, p_holder) then
    return false;
  end if;
  insert into computer_use.actions (
    tenant_id, user_id, step_key, generation, turn, kind, harmless, digest, state, frame_before, dispatched_at
  ) values (
    p_tenant, p_user, p_key, p_generation, p_turn, p_kind, p_harmless, p_digest, 'dispatched', p_frame, clock_timestamp()
  ) on conflict do nothing;
  return found;
end $$;

create function computer_use.complete_action(
  p_tenant text, p_user text, p_key text, p_generation int, p_turn int, p_frame text, p_changed boolean
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update computer_use.actions a
  set state = 'done', frame_after = p_frame, changed = p_changed, done_at = clock_timestamp()
  where a.tenant_id = p_tenant and a.user_id = p_user and a.step_key = p_key and a.generation = p_generation
    and a.turn = p_turn and a.state = 'dispatched';
  return found;
end $$;

-- C1, C4: true where the outcome is kept, also where it was kept before.
create function computer_use.end_session(
  p_tenant text, p_user text, p_key text, p_generation int, p_holder text, p_result text
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update computer_use.sessions s set state = 'ended', result = p_result, ended_at = clock_timestamp()
  where s.tenant_id = p_tenant and s.user_id = p_user and s.step_key = p_key and s.generation = p_generation
    and s.holder = p_holder and s.state = 'open';
  if found then
    return true;
  end if;
  perform from computer_use.sessions s
  where s.tenant_id = p_tenant and s.user_id = p_user and s.step_key = p_key and s.generation = p_generation
    and s.holder = p_holder and s.state = 'ended' and s.result = p_result;
  return found;
end $$;

-- Gives the step back without an outcome: whoever is asked next begins anew at once, by C2.
create function computer_use.leave_session(
  p_tenant text, p_user text, p_key text, p_generation int, p_holder text
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update computer_use.sessions s set lease_until = clock_timestamp() - interval '1 millisecond'
  where s.tenant_id = p_tenant and s.user_id = p_user and s.step_key = p_key and s.generation = p_generation
    and s.holder = p_holder and s.state = 'open';
  return found;
end $$;

-- Removes steps that ended before `p_keep_ms`, nothing younger than an hour; answers how many sessions went.
create function computer_use.remove_sessions(p_limit int, p_keep_ms bigint) returns int
language sql security definer set search_path = pg_catalog, pg_temp as $$
  with due as (
    select s.tenant_id, s.user_id, s.step_key, s.generation from computer_use.sessions s
    where s.ended_at < clock_timestamp() - greatest(p_keep_ms, 3600000) * interval '1 millisecond'
    order by s.ended_at limit p_limit for update skip locked
  ), turns as (
    delete from computer_use.turns t using due d
    where (t.tenant_id, t.user_id, t.step_key, t.generation) = (d.tenant_id, d.user_id, d.step_key, d.generation)
  ), actions as (
    delete from computer_use.actions a using due d
    where (a.tenant_id, a.user_id, a.step_key, a.generation) = (d.tenant_id, d.user_id, d.step_key, d.generation)
  ), removed as (
    delete from computer_use.sessions s using due d
    where (s.tenant_id, s.user_id, s.step_key, s.generation) = (d.tenant_id, d.user_id, d.step_key, d.generation)
    returning 1
  )
  select count(*)::int from removed
$$;

do $$
begin
  if not exists (select from pg_roles where rolname = 'switchyard_computer_use') then
    create role switchyard_computer_use nologin;
  end if;
exception when duplicate_object or unique_violation then
  null; -- Another database of this server made it at the same moment.
end $$;

revoke all on all functions in schema computer_use from public;
grant usage on schema computer_use to switchyard_computer_use;
grant select on computer_use.sessions, computer_use.turns, computer_use.actions to switchyard_computer_use;
grant select, insert, delete on computer_use.frames to switchyard_computer_use;
grant execute on function
  computer_use.begin_session(text, text, text, text, text, text, text, text, int),
  computer_use.renew_session(text, text, text, int, text, int),
  computer_use.keep_turn(text, text, text, int, text, int, text),
  computer_use.dispatch_action(text, text, text, int, text, int, text, boolean, text, text),
  computer_use.complete_action(text, text, text, int, int, text, boolean),
  computer_use.end_session(text, text, text, int, text, text),
  computer_use.leave_session(text, text, text, int, text),
  computer_use.remove_sessions(int, bigint)
to switchyard_computer_use;

-- The orchestrator shows frames to the model: it reads them and nothing else of this schema.
grant usage on schema computer_use to switchyard_orchestrator;
grant select on computer_use.frames to switchyard_orchestrator;
