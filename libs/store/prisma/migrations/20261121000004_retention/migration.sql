-- What is no longer kept: events (with inputs and large parts) of runs that ended long ago, later their rows.
--
--  K1. Only what has ended, is on the bus and is older than asked goes; nothing younger than an hour, whoever asks.
--  K2. A run whose events are gone has a snapshot in their place, from the same transaction.
--  K3. A large part goes with the last run that refers to it. Whoever refers to it at the same moment either goes
--      first, and it stays, or waits and stores it again.
--  K4. The role of the journal may delete nothing; these functions may, and they alone.

alter table orchestrator.runs
  add column expired_at timestamptz(3),
  add column snapshot text,
  add constraint runs_expired check ((expired_at is null) = (snapshot is null) and (expired_at is null or settled));

-- Over the time of creation, which never changes: what an append writes stays out of every index.
create index runs_to_expire on orchestrator.runs (created_at) where settled and expired_at is null;
create index runs_to_remove on orchestrator.runs (created_at) where expired_at is not null;

create table orchestrator.blob_refs (
  sha256 text not null,
  run_id text not null,
  constraint blob_refs_pkey primary key (sha256, run_id)
);
create index blob_refs_run on orchestrator.blob_refs (run_id);

insert into orchestrator.blob_refs (sha256, run_id)
select distinct part.value ->> 1, e.run_id
from orchestrator.run_events e, jsonb_array_elements(e.parts::jsonb) as part
where e.parts is not null;

create function orchestrator.note_blob_refs() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
  insert into orchestrator.blob_refs (sha256, run_id)
  select distinct part.value ->> 1, new.run_id from jsonb_array_elements(new.parts::jsonb) as part
  on conflict do nothing;
  return null;
end $$;

create trigger run_events_refer after insert on orchestrator.run_events
  for each row when (new.parts is not null) execute function orchestrator.note_blob_refs();

-- K3: what is kept stays locked until the events that refer to it are committed.
create or replace function orchestrator.keep_blobs(p_sha256 text[], p_bodies text[]) returns void
language plpgsql security definer set search_path = pg_catalog as $$
declare
  v_wanted int := (select count(distinct s.sha256) from unnest(p_sha256) as s (sha256));
  v_kept int;
begin
  loop
    insert into orchestrator.blobs (sha256, length, body)
    select b.sha256, octet_length(b.body), b.body
    from unnest(p_sha256, p_bodies) as b (sha256, body)
    order by b.sha256 -- one order for all writers: two that keep the same blobs wait for each other, not in a circle
    on conflict do nothing;
    perform from orchestrator.blobs b where b.sha256 = any (p_sha256) order by b.sha256 for key share;
    get diagnostics v_kept = row_count;
    exit when v_kept = v_wanted; -- else one was removed in between
  end loop;
end $$;

create function orchestrator.keep_at_least(p_keep_ms float8) returns timestamptz language sql volatile as $$
  select clock_timestamp() - greatest(p_keep_ms, 3600000) * interval '1 millisecond' -- K1
$$;

-- Puts a snapshot in the place of a run's events. False: there is nothing to remove, or not yet.
create function orchestrator.expire_run(p_run_id text, p_snapshot text, p_keep_ms float8) returns boolean
language plpgsql security definer set search_path = pg_catalog as $$
declare
  v_sha256 text[];
begin
  perform from orchestrator.runs r
  where r.run_id = p_run_id and r.settled and r.expired_at is null
    and r.ended_at < orchestrator.keep_at_least(p_keep_ms)
  for no key update;
  if not found then
    return false;
  end if;
  delete from orchestrator.run_events e where e.run_id = p_run_id;
  delete from orchestrator.run_inbox i where i.run_id = p_run_id;
  with gone as (delete from orchestrator.blob_refs f where f.run_id = p_run_id returning f.sha256)
  select array_agg(gone.sha256) into v_sha256 from gone;
  if v_sha256 is not null then
    perform from orchestrator.blobs b where b.sha256 = any (v_sha256) order by b.sha256 for update;
    -- A statement of its own: it sees the references of whoever held the lock before.
    delete from orchestrator.blobs b
    where b.sha256 = any (v_sha256)
      and not exists (select from orchestrator.blob_refs f where f.sha256 = b.sha256);
  end if;
  update orchestrator.runs r set snapshot = p_snapshot, expired_at = clock_timestamp() where r.run_id = p_run_id; -- K2
  return true;
end $$;

-- Removes rows of runs whose events are gone; answers how many.
create function orchestrator.remove_runs(p_limit int, p_keep_ms float8) returns int
language plpgsql security definer set search_path = pg_catalog as $$
declare
  v_removed int;
begin
  delete from orchestrator.runs r
  where r.run_id in (
    select o.run_id from orchestrator.runs o
    where o.expired_at is not null and o.created_at < orchestrator.keep_at_least(p_keep_ms)
      and o.ended_at < orchestrator.keep_at_least(p_keep_ms)
    order by o.created_at limit p_limit for update skip locked
  );
  get diagnostics v_removed = row_count;
  return v_removed;
end $$;

revoke all on function
  orchestrator.note_blob_refs(), orchestrator.keep_at_least(float8), orchestrator.expire_run(text, text, float8),
  orchestrator.remove_runs(int, float8)
from public;
grant execute on function
  orchestrator.keep_at_least(float8), orchestrator.expire_run(text, text, float8), orchestrator.remove_runs(int, float8)
to switchyard_orchestrator;
