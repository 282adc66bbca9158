-- The ledger of effects: what a tool was asked to do to the world, and what came of it.
--
--  E1. One row per (tenant, user, idempotency key). The same key with another tool or other arguments is a conflict.
--  E2. A row has one holder at a time, named by its attempt. Whoever takes it over counts the attempt up; of a holder
--      of before nothing is taken but the note that it came late.
--  E3. A call that was dispatched and whose holder is gone is given to another holder only where the tool honours the
--      key (or has no effect); else it is in doubt. One that was not dispatched is given to anybody.
--  E4. In doubt ends with what is then known: the late outcome of the attempt that is in doubt, a repeat with the same
--      key, or the word of a person. A known outcome never changes.
--  E5. Only known outcomes, and intents that nobody follows, are removed, and nothing younger than an hour.
--
-- src/effect-machine.ts says the same as pure functions; the tests play both against each other.

create table mcp_tool.effects (
  effect_id text not null,
  tenant_id text not null,
  user_id text not null,
  idempotency_key text not null,
  run_id text,
  step_id text,
  tool text not null,
  kind text not null,
  idempotency text not null,
  args_hash text not null,
  args text not null,
  state text not null,
  result text,
  holder text,
  lease_until timestamptz(3),
  attempts int not null,
  first_dispatch int,
  late boolean not null default false,
  late_state text,
  settled_by text,
  settled_at timestamptz(3),
  settled_note text,
  created_at timestamptz(3) not null,
  dispatched_at timestamptz(3),
  ended_at timestamptz(3),
  constraint effects_pkey primary key (effect_id),
  constraint effects_state check (state in ('intent', 'dispatched', 'succeeded', 'failed', 'in_doubt')),
  constraint effects_result check ((result is null) = (state in ('intent', 'dispatched')))
);
create unique index effects_key on mcp_tool.effects (tenant_id, user_id, idempotency_key);
create index effects_tenant on mcp_tool.effects (tenant_id, created_at, effect_id);
create index effects_user on mcp_tool.effects (tenant_id, user_id, created_at, effect_id);
create index effects_run on mcp_tool.effects (run_id) where run_id is not null;
-- What a renewal writes stays out of every index.
create index effects_open on mcp_tool.effects (created_at) where state in ('intent', 'dispatched');
create index effects_in_doubt on mcp_tool.effects (tenant_id, created_at, effect_id) where state = 'in_doubt';
create index effects_ended on mcp_tool.effects (ended_at) where state in ('succeeded', 'failed');

-- E1-E3. Answers `mine` (with the attempt to name from now on), `again` (mine, and dispatched before), `known`, `doubted` (known, and only now), `running` or
-- `conflict`. `p_waited`: the caller has waited for an attempt and takes its doubt as the answer. Without
-- `p_take_over` a lease that ran out counts as living: after an outage of the database its holder may be alive.
create function mcp_tool.begin_effect(
  p_id text, p_tenant text, p_user text, p_key text, p_run text, p_step text, p_tool text, p_kind text,
  p_idempotency text, p_hash text, p_args text, p_holder text, p_lease_ms int, p_waited boolean, p_take_over boolean
) returns table (outcome text, effect_id text, attempt int, result text)
language plpgsql as $$
#variable_conflict use_column
declare
  v_row mcp_tool.effects;
  v_now timestamptz := clock_timestamp();
  v_lease timestamptz := v_now + p_lease_ms * interval '1 millisecond';
  v_repeatable boolean;
begin
  loop
    insert into mcp_tool.effects (
      effect_id, tenant_id, user_id, idempotency_key, run_id, step_id, tool, kind, idempotency, args_hash, args, state,
      holder, lease_until, attempts, created_at
    ) values (
      p_id, p_tenant, p_user, p_key, p_run, p_step, p_tool, p_kind, p_idempotency, p_hash, p_args, 'intent',
      p_holder, v_lease, 1, v_now
    ) on conflict (tenant_id, user_id, idempotency_key) do nothing;
    if found then
      return query select 'mine', p_id, 1, null::text;
      return;
    end if;
    select e.* into v_row from mcp_tool.effects e
    where e.tenant_id = p_tenant and e.user_id = p_user and e.idempotency_key = p_key for update;
    exit when found; -- else it was removed in between
  end loop;
  v_now := clock_timestamp(); -- after the wait for the lock
  v_lease := v_now + p_lease_ms * interval '1 millisecond';

  if v_row.tool <> p_tool or v_row.args_hash <> p_hash then
    return query select 'conflict', v_row.effect_id, v_row.attempts, null::text;
    return;
  end if;
  v_repeatable := v_row.idempotency <> 'none' and p_idempotency <> 'none';
  if v_row.state in ('succeeded', 'failed') or (v_row.state = 'in_doubt' and (p_waited or not v_repeatable)) then
    return query select 'known', v_row.effect_id, v_row.attempts, v_row.result;
    return;
  end if;
  if v_row.state <> 'in_doubt' and v_row.holder = p_holder then -- the reply to this very call was lost
    update mcp_tool.effects e set lease_until = v_lease where e.effect_id = v_row.effect_id;
    return query select case when v_row.first_dispatch is null then 'mine' else 'again' end, v_row.effect_id, v_row.attempts, null::text;
    return;
  end if;
  if v_row.state <> 'in_doubt' and (v_row.lease_until >= v_now or not p_take_over) then
    return query select 'running', v_row.effect_id, v_row.attempts, null::text;
    return;
  end if;
  if v_row.state = 'dispatched' and not v_repeatable then
    v_row.result := mcp_tool.holder_lost();
    update mcp_tool.effects e set state = 'in_doubt', result = v_row.result, lease_until = null, ended_at = v_now
    where e.effect_id = v_row.effect_id;
    return query select 'doubted', v_row.effect_id, v_row.attempts, v_row.result;
    return;
  end if;
  update mcp_tool.effects e
  set state = case when v_row.state = 'intent' then 'intent' else 'dispatched' end, result = null, ended_at = null,
    holder = p_holder, lease_until = v_lease, attempts = v_row.attempts + 1
  where e.effect_id = v_row.effect_id;
  return query select case when v_row.first_dispatch is null then 'mine' else 'again' end, v_row.effect_id, v_row.attempts + 1, null::text;
end $$;

-- The answer to a call whose holder died.
create function mcp_tool.holder_lost() returns text language sql immutable as $$
  select '{"status":"in_doubt","code":"tool_in_doubt","message":"The worker was lost while this call was under way. Whether its effect happened is not known."}'
$$;

-- From here on the effect may happen. False: the attempt is another's now.
create function mcp_tool.dispatch_effect(p_id text, p_attempt int, p_lease_ms int) returns boolean
language plpgsql as $$
begin
  update mcp_tool.effects e
  set state = 'dispatched', dispatched_at = case when e.state = 'intent' then clock_timestamp() else e.dispatched_at end,
    first_dispatch = case when e.state = 'intent' then p_attempt else e.first_dispatch end,
    lease_until = clock_timestamp() + p_lease_ms * interval '1 millisecond'
  where e.effect_id = p_id and e.attempts = p_attempt and e.state in ('intent', 'dispatched');
  return found;
end $$;

-- Gives an attempt back that certainly did nothing. What an earlier attempt may have done stays dispatched.
create function mcp_tool.withdraw_effect(p_id text, p_attempt int) returns boolean
language plpgsql as $$
begin
  update mcp_tool.effects e
  set state = case when coalesce(e.first_dispatch, p_attempt) = p_attempt then 'intent' else e.state end,
    first_dispatch = case when e.first_dispatch = p_attempt then null else e.first_dispatch end,
    dispatched_at = case when e.first_dispatch = p_attempt then null else e.dispatched_at end,
    holder = null, lease_until = clock_timestamp() - interval '1 millisecond'
  where e.effect_id = p_id and e.attempts = p_attempt and e.state in ('intent', 'dispatched');
  return found;
end $$;

-- E2, E4. `completed`; `late` where it ended a doubt; `refused` where the row is another's or known by now. `noted`:
-- this call marked the row as having a late outcome.
create function mcp_tool.complete_effect(p_id text, p_attempt int, p_state text, p_result text)
returns table (outcome text, result text, noted boolean)
language plpgsql as $$
#variable_conflict use_column
declare
  v_row mcp_tool.effects;
  v_known boolean := p_state in ('succeeded', 'failed');
  v_noted boolean;
begin
  select e.* into v_row from mcp_tool.effects e where e.effect_id = p_id for update;
  if not found then
    return query select 'refused', null::text, false;
  elsif v_row.attempts = p_attempt and v_row.state = p_state and v_row.result = p_result then -- said before
    return query select case when v_row.late_state = p_state then 'late' else 'completed' end, v_row.result, false;
  elsif v_row.attempts = p_attempt and v_row.state in ('intent', 'dispatched') then
    update mcp_tool.effects e set state = p_state, result = p_result, lease_until = null, ended_at = clock_timestamp()
    where e.effect_id = p_id;
    return query select 'completed', p_result, false;
  elsif v_row.attempts = p_attempt and v_row.state = 'in_doubt' and v_known then
    update mcp_tool.effects e
    set state = p_state, result = p_result, late = true, late_state = p_state, ended_at = clock_timestamp()
    where e.effect_id = p_id;
    return query select 'late', p_result, true;
  else
    v_noted := v_known and v_row.late_state is null;
    if v_noted then
      update mcp_tool.effects e set late = true, late_state = p_state where e.effect_id = p_id;
    end if;
    return query select 'refused', v_row.result, v_noted;
  end if;
end $$;

-- All running calls of a process at once; answers those that are still theirs.
create function mcp_tool.renew_effects(p_ids text[], p_attempts int[], p_lease_ms int) returns setof text
language sql as $$
  with mine as (
    select e.effect_id from mcp_tool.effects e
    join unnest(p_ids, p_attempts) as c (effect_id, attempt) on e.effect_id = c.effect_id and e.attempts = c.attempt
    where e.state in ('intent', 'dispatched')
    order by e.effect_id for update of e
  )
  update mcp_tool.effects e set lease_until = clock_timestamp() + p_lease_ms * interval '1 millisecond'
  from mine where e.effect_id = mine.effect_id
  returning e.effect_id
$$;

-- Calls that were dispatched, whose holder is gone and that nobody repeated: in doubt from now on.
create function mcp_tool.doubt_orphans(p_limit int, p_grace_ms int) returns setof mcp_tool.effects
language sql as $$
  with gone as (
    select e.effect_id from mcp_tool.effects e
    where e.state = 'dispatched' and e.lease_until < clock_timestamp() - p_grace_ms * interval '1 millisecond'
    order by e.created_at limit p_limit for update skip locked
  )
  update mcp_tool.effects e
  set state = 'in_doubt', result = mcp_tool.holder_lost(), lease_until = null, ended_at = clock_timestamp()
  from gone where e.effect_id = gone.effect_id
  returning e.*
$$;

-- E4. `settled`, `same` (said before), `not_in_doubt`, `unknown`.
create function mcp_tool.settle_effect(
  p_id text, p_tenant text, p_state text, p_result text, p_by text, p_note text
) returns text
language plpgsql as $$
declare
  v_row mcp_tool.effects;
begin
  select e.* into v_row from mcp_tool.effects e where e.effect_id = p_id and e.tenant_id = p_tenant for update;
  if not found then return 'unknown'; end if;
  if v_row.settled_by is not null and v_row.state = p_state and v_row.result = p_result then return 'same'; end if;
  if v_row.state <> 'in_doubt' then return 'not_in_doubt'; end if;
  update mcp_tool.effects e
  set state = p_state, result = p_result, settled_by = p_by, settled_at = clock_timestamp(), settled_note = p_note,
    ended_at = clock_timestamp()
  where e.effect_id = p_id;
  return 'settled';
end $$;

-- E5
create function mcp_tool.remove_effects(p_limit int, p_keep_ms bigint) returns int
language sql security definer set search_path = pg_catalog as $$
  with due as (
    (select e.effect_id from mcp_tool.effects e
     where e.state in ('succeeded', 'failed')
       and e.ended_at < clock_timestamp() - greatest(p_keep_ms, 3600000) * interval '1 millisecond'
     order by e.ended_at limit p_limit)
    union all
    (select e.effect_id from mcp_tool.effects e
     where e.state = 'intent'
       and greatest(e.created_at, e.lease_until) < clock_timestamp() - greatest(p_keep_ms, 3600000) * interval '1 millisecond'
     order by e.created_at limit p_limit)
  ), locked as (
    select e.effect_id from mcp_tool.effects e
    where e.effect_id in (select effect_id from due) and e.state in ('intent', 'succeeded', 'failed')
    limit p_limit for update skip locked
  ), removed as (
    delete from mcp_tool.effects e using locked where e.effect_id = locked.effect_id returning 1
  )
  select count(*)::int from removed
$$;

revoke all on all functions in schema mcp_tool from public;
grant select, insert, update on mcp_tool.effects to switchyard_mcp_tool;
grant execute on all functions in schema mcp_tool to switchyard_mcp_tool;
