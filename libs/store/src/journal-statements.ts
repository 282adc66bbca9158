import type { Statement } from './pool.ts';

/*
 * Every statement of the journal that is sent often, prepared once per connection. What decides whether a write may
 * happen is in the functions (prisma/migrations); the statements here say who sends what.
 */

function statement(name: string, text: string): Statement {
  return { name: `journal_${name}`, text };
}

/** A call of a function with `count` parameters. */
function call(name: string, count: number): Statement {
  const parameters = Array.from({ length: count }, (_, i) => `$${i + 1}`).join(', ');
  return statement(name, `select * from orchestrator.${name}(${parameters})`);
}

export const ACCEPT = call('accept_run', 16);
export const CLAIM = call('take_run', 5);
export const APPEND = call('append_events', 18);
export const PUT_INPUT = call('put_input', 5);

/** $1 run ids, $2 epochs, $3 lease in ms. Rows are locked in one order, so two of these cannot deadlock. */
export const RENEW = statement(
  'renew',
  `with mine as (
     select r.run_id from unnest($1::text[], $2::int[]) as l (run_id, epoch)
     join orchestrator.runs r on r.run_id = l.run_id and r.epoch = l.epoch and r.lease_owner is not null
     order by r.run_id for no key update of r
   )
   update orchestrator.runs r set lease_until = clock_timestamp() + $3::int * interval '1 millisecond'
   from mine where r.run_id = mine.run_id returning r.run_id, r.inbox_last`,
);

/** $1 run id, $2 epoch, $3 phase or null. */
export const RELEASE = statement(
  'release',
  `update orchestrator.runs
   set lease_owner = null, lease_until = null, phase = coalesce($3::text, phase)
   where run_id = $1 and epoch = $2 and lease_owner is not null
   returning inbox_last`,
);

/** $1 run ids, $2 seqs, each run once. */
export const MARK_PUBLISHED = statement(
  'mark_published',
  `with at as (
     select r.run_id, least(p.seq, r.last_seq) as seq from unnest($1::text[], $2::int[]) as p (run_id, seq)
     join orchestrator.runs r on r.run_id = p.run_id and r.published_seq < p.seq
     order by r.run_id for no key update of r
   )
   update orchestrator.runs r
   set published_seq = at.seq, settled = r.phase = 'ended' and at.seq = r.last_seq
   from at where r.run_id = at.run_id and r.published_seq < at.seq`,
);

/** $1 run id, $2 after, $3 most events, $4 most bytes (the first event comes whatever its size). */
export const READ = statement(
  'read',
  `select page.* from (
     select e.*, sum(e.size) over (order by e.seq) - e.size as bytes_before from (
       select r.tenant_id, e.seq, e.epoch, e.type, e.step_id, e.body, e.parts, e.size, orchestrator.millis(e.ts) as ts
       from orchestrator.runs r join orchestrator.run_events e on e.run_id = r.run_id
       where r.run_id = $1 and e.seq > $2 order by e.seq limit $3
     ) e
   ) page where page.bytes_before < $4 order by page.seq`,
);

/** $1 hashes. */
export const READ_BLOBS = statement(
  'blobs',
  'select sha256, body from orchestrator.blobs where sha256 = any($1::text[])',
);

/** $1 run id, $2 after this number, $3 most inputs. */
export const INPUTS_AFTER = statement(
  'inputs_after',
  `select n, kind, dedup_key, body, orchestrator.millis(created_at) as created_at_ms
   from orchestrator.run_inbox where run_id = $1 and n > $2 order by n limit $3`,
);

/** $1 tenant, $2 user, $3 thread, $4 accepted before (ms) or null, $5 most turns; newest first. */
export const THREAD_TURNS = statement(
  'thread_turns',
  `select run_id, task, answer, status, orchestrator.millis(created_at) as created_at_ms
   from orchestrator.runs
   where tenant_id = $1 and user_id = $2 and thread_id = $3 and phase = 'ended'
     and ($4::bigint is null or created_at < to_timestamp($4::bigint / 1000.0))
   order by created_at desc, run_id desc limit $5`,
);

/** $1 run id. */
export const HEAD = statement(
  'head',
  `select run_id, tenant_id, user_id, thread_id, task, engine_version, phase, epoch, last_seq, published_seq,
     lease_owner, orchestrator.millis(lease_until) as lease_until_ms, inbox_last, inbox_taken, attempts,
     orchestrator.millis(wake_at) as wake_at_ms, status, completion_reason, answer,
     orchestrator.millis(created_at) as created_at_ms, orchestrator.millis(updated_at) as updated_at_ms,
     orchestrator.millis(ended_at) as ended_at_ms, expired_at is not null as expired
   from orchestrator.runs where run_id = $1`,
);

const NOBODY_OWNS = '(lease_until is null or lease_until < clock_timestamp())';

/** $1 most rows, $2 grace in ms, $3 expired leases, too. "not settled" is in every statement over open runs: it is what their index holds. */
export const SWEEP = statement(
  'sweep',
  `select run_id, tenant_id from orchestrator.runs
   where not settled and phase <> 'ended' and ${NOBODY_OWNS} and ($3::boolean or lease_until is null)
     and updated_at < clock_timestamp() - $2::int * interval '1 millisecond'
     and (phase in ('queued', 'running') or inbox_last > inbox_taken or wake_at <= clock_timestamp())
   order by created_at limit $1`,
);

/** $1 most rows, $2 age in ms. */
export const UNPUBLISHED = statement(
  'unpublished',
  `select run_id, tenant_id, published_seq, last_seq from orchestrator.runs
   where not settled and published_seq < last_seq and ${NOBODY_OWNS}
     and updated_at < clock_timestamp() - $2::int * interval '1 millisecond'
   order by created_at limit $1`,
);

export const STATS = statement(
  'stats',
  `select count(*) filter (where phase = 'queued')::int as queued,
     count(*) filter (where phase = 'running')::int as running,
     count(*) filter (where phase = 'waiting')::int as waiting,
     coalesce(greatest(0, extract(epoch from clock_timestamp() - min(created_at) filter (where phase = 'queued')) * 1000), 0)
       ::float8 as oldest_queued_ms
   from orchestrator.runs where not settled`,
);
