-- How far audit has compared its log with the runs of the journal, in the order of their acceptance. The bus keeps only
-- the newest facts: a run whose facts have all left it before audit read them shows in no number of what arrives.
--
--  P1. The place only moves forward, whichever replica notes it, and never beyond the present.
--
-- A replica of the version before never calls it.
CREATE TABLE "audit"."compared" (
    "one" INTEGER NOT NULL DEFAULT 1,
    "accepted_at" TIMESTAMPTZ(3) NOT NULL,
    "run_id" TEXT NOT NULL,

    CONSTRAINT "compared_pkey" PRIMARY KEY ("one")
);
alter table audit.compared add constraint compared_one check (one = 1);

create function audit.note_compared(p_accepted_ms float8, p_run_id text) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  insert into audit.compared as c (accepted_at, run_id)
  select least(to_timestamp(p_accepted_ms / 1000), clock_timestamp())::timestamptz(3), p_run_id
  on conflict (one) do update set accepted_at = excluded.accepted_at, run_id = excluded.run_id
  where (c.accepted_at, c.run_id) < (excluded.accepted_at, excluded.run_id) -- P1
$$;

revoke all on function audit.note_compared(float8, text) from public;
grant execute on function audit.note_compared(float8, text) to switchyard_audit;
grant select on audit.compared to switchyard_audit;
