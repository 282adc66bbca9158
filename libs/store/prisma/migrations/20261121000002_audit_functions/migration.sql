-- The audit log: append-only, and per run how far it reaches.
--
--  A1. A record is never changed and never removed, by nobody.
--  A2. A record that is there already (same id) is left as it is; appending again is harmless.
--  A3. positions.known_seq is the highest number up to which every event of the run is in the log.

create function audit.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is append-only' using errcode = 'restrict_violation'; -- A1
end $$;

create trigger audit_events_are_final before update or delete on audit.audit_events
  for each row execute function audit.refuse_change();
create trigger audit_events_stay before truncate on audit.audit_events
  for each statement execute function audit.refuse_change();

create function audit.append_events(
  p_ids text[], p_times float8[], p_types text[], p_sources text[], p_tenants text[], p_users text[], p_runs text[],
  p_seqs int[], p_bodies text[], p_terminal_type text
) returns int language plpgsql as $$
declare
  v_added int;
begin
  insert into audit.audit_events (id, ts, type, source, tenant_id, user_id, run_id, seq, body)
  select r.id, to_timestamp(r.ms / 1000), r.type, r.source, r.tenant_id, r.user_id, r.run_id, r.seq, r.body
  from unnest(p_ids, p_times, p_types, p_sources, p_tenants, p_users, p_runs, p_seqs, p_bodies)
    with ordinality as r (id, ms, type, source, tenant_id, user_id, run_id, seq, body, place)
  order by r.place
  on conflict (id) do nothing; -- A2
  get diagnostics v_added = row_count;

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

  -- A3: as far as number and place agree, nothing is missing.
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
  return v_added;
end $$;
