-- Old records may go, by one function and with a trace.
--
--  D1. prune_records alone removes records of the audit log: older than asked, and never younger than thirty days, whoever
--      asks. Nothing changes a record, and nothing empties the table. The trigger says so, also to the owner.
--  D2. What goes leaves a record of the type `audit.records.pruned` in the same transaction: how many, of how many tenants
--      and runs, between which times, and a SHA-256 over them. These records never go, and append_records takes none.
--  D3. Records of a run that has not ended stay. With the last record of a run its summary and its position go.
--  D4. One call removes a bounded number, and never waits for another call.
--
-- A replica of the version before never calls it.

-- Records come in by time: a few bytes for each megabyte, and next to nothing for a write.
CREATE INDEX "audit_events_ts" ON "audit"."audit_events" USING BRIN ("ts");

-- append_records refuses ids that begin so (C2). Rows that are there are not looked at: no record of before is a trace.
alter table audit.audit_events add constraint audit_events_traces
  check ((type in ('audit.record.conflict', 'audit.records.pruned')) = starts_with(id, '!')) not valid;

create or replace function audit.refuse_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and tg_level = 'ROW' then
    if current_setting('switchyard.audit_pruning', true) = pg_current_xact_id_if_assigned()::text
      and old.ts < clock_timestamp() - interval '30 days' and old.type <> 'audit.records.pruned'
    then
      return old; -- D1
    end if;
  end if;
  raise exception 'the audit log is append-only' using errcode = 'restrict_violation';
end $$;

create function audit.prune_records(p_keep_days int, p_limit int) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_before constant timestamptz := clock_timestamp() - greatest(p_keep_days, 30) * interval '1 day';
  v_removed int;
  v_tenants int;
  v_runs text[];
  v_oldest timestamptz;
  v_newest timestamptz;
  v_digest text;
begin
  perform set_config('switchyard.audit_pruning', pg_current_xact_id()::text, true);
  with due as materialized (
    select a.id from audit.audit_events a
    where a.ts < v_before and a.type <> 'audit.records.pruned'
      and not exists (select from audit.positions p where p.run_id = a.run_id and not p.ended) -- D3
    limit p_limit
    for update skip locked -- D4
  ), gone as (
    delete from audit.audit_events a using due where a.id = due.id
    returning a.n, a.ts, a.tenant_id, a.run_id,
      sha256(convert_to(concat_ws(chr(31), a.id, a.type, a.body), 'UTF8')) as digest
  )
  select count(*), count(distinct g.tenant_id), coalesce(array_agg(distinct g.run_id) filter (where g.run_id is not null), '{}'),
    min(g.ts), max(g.ts), encode(sha256(coalesce(string_agg(g.digest, ''::bytea order by g.n), ''::bytea)), 'hex')
  into v_removed, v_tenants, v_runs, v_oldest, v_newest, v_digest
  from gone g;
  perform set_config('switchyard.audit_pruning', '', true);
  if v_removed = 0 then
    return 0;
  end if;

  with bare as (
    delete from audit.positions p
    where p.run_id = any (v_runs) and p.ended
      and not exists (select from audit.audit_events a where a.run_id = p.run_id)
    returning p.run_id
  )
  delete from audit.run_summaries s using bare where s.run_id = bare.run_id;

  -- D2
  insert into audit.audit_events (id, ts, type, source, tenant_id, user_id, run_id, seq, body)
  values ('!pruned:' || gen_random_uuid(), clock_timestamp(), 'audit.records.pruned', '/switchyard/audit', null, null, null, 0,
    json_build_object('records', v_removed, 'tenants', v_tenants, 'runs', cardinality(v_runs),
      'oldest', floor(extract(epoch from v_oldest) * 1000)::bigint, 'newest', floor(extract(epoch from v_newest) * 1000)::bigint,
      'keep_days', greatest(p_keep_days, 30), 'sha256', v_digest)::text);
  return v_removed;
end $$;

revoke all on function audit.prune_records(int, int) from public;
grant execute on function audit.prune_records(int, int) to switchyard_audit;
