-- The audit log says so where what it holds of a fact is not what the fact says; and its role may no more than it needs.
--
--  C1. A record whose id is taken by another content is kept beside it, as a record of the type `audit.record.conflict`
--      with the content in it. The same content again is nothing new. So who writes a record before the real one comes
--      is found out, and the real one is not lost.
--  C2. Records come in by append_records alone, which takes no id and no type of a conflict: nobody can write the trace
--      of a conflict in advance, with another content. (Ids of facts begin with a run id or with `sys.`.)
--  C3. Summaries come in by put_summaries alone. One says no more than the records of its run do, goes forward, keeps its
--      tenant, user, thread, task and time, and is final once its run has ended.
--  C4. Of a position the role may change when it was looked at last, and nothing else.
--
-- A replica of the version before reads as it did and adds records; summaries it cannot write, so its batches of runs are
-- delivered again, to a replica of this version.

create index audit_events_conflicts on audit.audit_events (n) where type = 'audit.record.conflict';

-- Written differently is the same: in another order of keys, say. What is no JSON is the same to the letter alone.
create function audit.same_body(p_one text, p_other text) returns boolean language plpgsql immutable
set search_path = pg_catalog as $$
begin
  return p_one = p_other or p_one::jsonb = p_other::jsonb;
exception when others then
  return false;
end $$;

create function audit.append_records(
  p_ids text[], p_times float8[], p_types text[], p_sources text[], p_tenants text[], p_users text[], p_runs text[],
  p_seqs int[], p_bodies text[], p_terminal_type text
) returns table (added int, conflicts text[]) language plpgsql security definer set search_path = pg_catalog as $$
declare
  v_conflict constant text := 'audit.record.conflict';
begin
  if exists (select from unnest(p_ids, p_types) as r (id, type) where starts_with(r.id, '!') or r.type = v_conflict)
  then
    raise exception 'this is no record of a fact' using errcode = 'check_violation'; -- C2
  end if;

  insert into audit.audit_events (id, ts, type, source, tenant_id, user_id, run_id, seq, body)
  select r.id, to_timestamp(r.ms / 1000), r.type, r.source, r.tenant_id, r.user_id, r.run_id, r.seq, r.body
  from unnest(p_ids, p_times, p_types, p_sources, p_tenants, p_users, p_runs, p_seqs, p_bodies)
    with ordinality as r (id, ms, type, source, tenant_id, user_id, run_id, seq, body, place)
  order by r.place
  on conflict (id) do nothing;
  get diagnostics added = row_count;
  conflicts := '{}';

  -- C1. A statement of its own: it sees what another transaction wrote while the insert waited for it. Whose run it was
  -- is not always known when a record comes in for the first time; that alone is no other content.
  if added < cardinality(p_ids) then
    with other as (
      select r.*, encode(sha256(convert_to(concat_ws(chr(31), r.ms, r.type, r.source, coalesce(r.tenant_id, ''),
        coalesce(r.user_id, ''), coalesce(r.run_id, ''), r.seq, r.body), 'UTF8')), 'hex') as digest
      from unnest(p_ids, p_times, p_types, p_sources, p_tenants, p_users, p_runs, p_seqs, p_bodies)
        as r (id, ms, type, source, tenant_id, user_id, run_id, seq, body)
      join audit.audit_events a on a.id = r.id
      where (a.type, a.source, a.seq, a.ts) is distinct from (r.type, r.source, r.seq, to_timestamp(r.ms / 1000)::timestamptz(3))
        or a.tenant_id is distinct from r.tenant_id or a.run_id is distinct from r.run_id
        or (a.user_id is not null and r.user_id is not null and a.user_id <> r.user_id)
        or not audit.same_body(a.body, r.body)
    ), kept as (
      insert into audit.audit_events (id, ts, type, source, tenant_id, user_id, run_id, seq, body)
      select '!' || o.id || ':' || left(o.digest, 32), clock_timestamp(), v_conflict, '/switchyard/audit', o.tenant_id, o.user_id,
        o.run_id, o.seq, json_build_object('id', o.id, 'type', o.type, 'source', o.source, 'ts', o.ms,
          'data', o.body::json)::text
      from other o
      order by o.id
      on conflict (id) do nothing
    )
    select coalesce(array_agg(distinct o.id order by o.id), '{}') into conflicts from other o;
  end if;

  insert into audit.positions as p (run_id, tenant_id, known_seq, seen_seq, ended, news_at)
  select r.run_id, min(r.tenant_id), 0, max(r.seq), bool_or(r.type = p_terminal_type), clock_timestamp()
  from unnest(p_ids, p_types, p_tenants, p_runs, p_seqs) as r (id, type, tenant_id, run_id, seq)
  where r.id = r.run_id || ':' || r.seq
  group by r.run_id
  order by r.run_id -- one order for all writers
  on conflict (run_id) do update
    set seen_seq = greatest(p.seen_seq, excluded.seen_seq),
        ended = p.ended or excluded.ended,
        news_at = excluded.news_at;

  -- As far as number and place agree, nothing is missing.
  update audit.positions p
  set known_seq = coalesce((
    select max(e.seq)
    from (
      select a.seq, p.known_seq + row_number() over (order by a.seq) as place
      from audit.audit_events a
      where a.run_id = p.run_id and a.seq > p.known_seq and a.id = a.run_id || ':' || a.seq
    ) e
    where e.seq = e.place
  ), p.known_seq)
  where p.run_id = any (p_runs) and p.known_seq < p.seen_seq;
  return next;
end $$;

create or replace function audit.append_events(
  p_ids text[], p_times float8[], p_types text[], p_sources text[], p_tenants text[], p_users text[], p_runs text[],
  p_seqs int[], p_bodies text[], p_terminal_type text
) returns int language sql as $$
  select r.added from audit.append_records(p_ids, p_times, p_types, p_sources, p_tenants, p_users, p_runs, p_seqs,
    p_bodies, p_terminal_type) r;
$$;

-- C3
create function audit.put_summaries(
  p_runs text[], p_tenants text[], p_users text[], p_threads text[], p_tasks text[], p_phases text[], p_statuses text[],
  p_reasons text[], p_steps int[], p_seqs int[], p_created float8[], p_ended float8[]
) returns int language plpgsql security definer set search_path = pg_catalog as $$
declare
  v_put int;
begin
  insert into audit.run_summaries as s (run_id, tenant_id, user_id, thread_id, task, phase, status, completion_reason,
    total_steps, last_seq, created_at, ended_at)
  select n.run_id, n.tenant_id, n.user_id, n.thread_id, n.task, n.phase, n.status, n.completion_reason, n.total_steps,
    n.last_seq, to_timestamp(n.created_ms / 1000), to_timestamp(n.ended_ms / 1000)
  from unnest(p_runs, p_tenants, p_users, p_threads, p_tasks, p_phases, p_statuses, p_reasons, p_steps, p_seqs, p_created,
    p_ended) as n (run_id, tenant_id, user_id, thread_id, task, phase, status, completion_reason, total_steps, last_seq,
    created_ms, ended_ms)
  join audit.positions p on p.run_id = n.run_id and p.tenant_id = n.tenant_id
  where n.last_seq <= p.known_seq and (p.ended or (n.status is null and n.ended_ms is null))
  order by n.run_id
  on conflict (run_id) do update set phase = excluded.phase, status = excluded.status,
    completion_reason = excluded.completion_reason, total_steps = excluded.total_steps, last_seq = excluded.last_seq,
    ended_at = excluded.ended_at
  where s.last_seq < excluded.last_seq and s.ended_at is null and s.tenant_id = excluded.tenant_id;
  get diagnostics v_put = row_count;
  return v_put;
end $$;

revoke insert on audit.audit_events from switchyard_audit;
revoke usage on sequence audit.audit_events_n_seq from switchyard_audit;
revoke insert, update on audit.run_summaries, audit.positions from switchyard_audit;
grant update (news_at) on audit.positions to switchyard_audit;

revoke all on function audit.same_body(text, text) from public;
revoke all on function audit.append_records(
  text[], float8[], text[], text[], text[], text[], text[], int[], text[], text) from public;
revoke all on function audit.put_summaries(
  text[], text[], text[], text[], text[], text[], text[], text[], int[], int[], float8[], float8[]) from public;
grant execute on function audit.same_body(text, text) to switchyard_audit;
grant execute on function audit.append_records(
  text[], float8[], text[], text[], text[], text[], text[], int[], text[], text) to switchyard_audit;
grant execute on function audit.put_summaries(
  text[], text[], text[], text[], text[], text[], text[], text[], int[], int[], float8[], float8[]) to switchyard_audit;
