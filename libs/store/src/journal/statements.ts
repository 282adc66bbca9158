import type { Statement } from '../postgres/index.ts';

/*
 * The frequent statements of the journal, each prepared once per connection. The functions (prisma/migrations) decide
 * whether a write may happen.
 */

function statement(name: string, text: string): Statement {
  return { name: `journal_${name}`, text };
}

/** A call of a function with `count` parameters. */
function call(name: string, count: number): Statement {
  const parameters = Array.from({ length: count }, (_, i) => `$${i + 1}`).join(', ');
  return statement(name, `select * from orchestrator.${name}(${parameters})`);
}

/** A call of a function that returns rows for several runs; each row names its run. */
function many(name: string, count: number): Statement {
  const { text } = call(name, count);
  return statement(name, `${text} order by place`);
}

export const ACCEPT = call('accept_run', 19);

/**
 * $1 to $19: accept_run. $20 to $26: the first announcements of the owner, in the same transaction and round trip. If
 * the acceptor does not own a new run, the append names a run that does not exist.
 */
export const ACCEPT_AND_OPEN = statement(
  'accept_and_open',
  `select a.*, o.times
   from orchestrator.accept_run($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) a,
     lateral orchestrator.append_events(
       case when a.outcome = 'created' and a.epoch = 1 then a.run_id end, 1, 1, $20, $21, $22, $23, $24, $25, $26,
       $16, null, null, null, null, null, null, null, null, null) o`,
);
export const ACCEPT_MANY = many('accept_many', 18);
export const CLAIM = call('take_run', 6);
export const APPEND = call('append_events', 20);
export const APPEND_MANY = many('append_many', 18);
export const PUT_INPUT = call('put_input', 5);

/** $1 run ids, $2 epochs, $3 lease in ms. Rows are locked in one order, so that two renewals cannot deadlock. */
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

/**
 * $1 run id, $2 epoch, $3 public text. The owner keeps the run without a lease, so the next claim counts this owner as
 * lost.
 */
export const GIVE_UP = statement(
  'give_up',
  `update orchestrator.runs set fault = $3, lease_until = least(lease_until, clock_timestamp() - interval '1 millisecond')
   where run_id = $1 and epoch = $2 and lease_owner is not null`,
);

/** $1 tenant, $2 user, $3 idempotency key, $4 digest of the request. */
export const ACCEPTED_BEFORE = statement(
  'accepted_before',
  `select run_id, last_seq, phase = 'ended' as ended, orchestrator.millis(created_at) as ts, request_hash = $4 as same
   from orchestrator.runs where tenant_id = $1 and user_id = $2 and idempotency_key = $3`,
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
       select r.tenant_id, r.engine_version, e.seq, e.epoch, e.type, e.step_id, e.body, e.parts, e.size, orchestrator.millis(e.ts) as ts
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

/** As THREAD_TURNS for several threads, each parameter an array; `place` is the index in the arrays. */
export const THREADS_TURNS = statement(
  'threads_turns',
  `select q.place::int, t.* from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::int[])
     with ordinality as q (tenant_id, user_id, thread_id, before, most, place),
   lateral (
     select run_id, task, answer, status, orchestrator.millis(created_at) as created_at_ms
     from orchestrator.runs r
     where r.tenant_id = q.tenant_id and r.user_id = q.user_id and r.thread_id = q.thread_id and r.phase = 'ended'
       and (q.before is null or r.created_at < to_timestamp(q.before / 1000.0))
     order by r.created_at desc, r.run_id desc limit q.most
   ) t`,
);

/** $1 run id. */
export const HEAD = statement(
  'head',
  `select run_id, tenant_id, user_id, thread_id, task, engine_version, phase, epoch, last_seq, published_seq,
     lease_owner, orchestrator.millis(lease_until) as lease_until_ms, inbox_last, inbox_taken, attempts,
     stalls, after_run, orchestrator.millis(wake_at) as wake_at_ms, status, completion_reason, answer,
     orchestrator.millis(created_at) as created_at_ms, orchestrator.millis(updated_at) as updated_at_ms,
     orchestrator.millis(ended_at) as ended_at_ms, expired_at is not null as expired
   from orchestrator.runs where run_id = $1`,
);

const NOBODY_OWNS = '(lease_until is null or lease_until < clock_timestamp())';

/**
 * $1 most rows, $2 grace in ms, $3 engine versions, $4 true: also expired leases. Each statement over open runs repeats
 * "not settled", the condition of their index. Tenants take turns, so that no tenant waits behind all the runs of
 * another.
 */
export const SWEEP = statement(
  'sweep',
  `select run_id, tenant_id, stalls from (
     select r.run_id, r.tenant_id, r.created_at,
       case when r.last_seq > r.claimed_seq then 0 else r.stalls + (r.lease_owner is not null)::int end as stalls,
       row_number() over (partition by r.tenant_id order by r.created_at, r.run_id) as turn
     from orchestrator.runs r
     where not r.settled and r.phase <> 'ended' and ${NOBODY_OWNS} and ($4::boolean or r.lease_until is null)
       and r.engine_version = any ($3::int[])
       and r.updated_at < clock_timestamp() - $2::int * interval '1 millisecond'
       and (r.phase in ('queued', 'running') or r.inbox_last > r.inbox_taken or r.wake_at <= clock_timestamp())
       and (r.after_run is null and r.pause_ms = 0 or not orchestrator.is_held_back(r))
   ) due order by turn, created_at limit $1`,
);

/** $1 most rows, $2 age in ms. */
export const UNPUBLISHED = statement(
  'unpublished',
  `select run_id, tenant_id, published_seq, last_seq from orchestrator.runs
   where not settled and published_seq < last_seq and ${NOBODY_OWNS}
     and updated_at < clock_timestamp() - $2::int * interval '1 millisecond'
   order by created_at limit $1`,
);

/** $1 engine versions. One row per tenant and phase. */
export const STATS = statement(
  'stats',
  `select tenant_id, phase, count(*)::int as runs,
     greatest(0, extract(epoch from clock_timestamp() - min(created_at)) * 1000)::float8 as oldest_ms,
     (count(*) filter (where engine_version <> all ($1::int[])))::int as foreign_runs
   from orchestrator.runs where not settled and phase <> 'ended' group by tenant_id, phase`,
);

const COUNTED_LETTERS = 10_000;

export const OPEN_DEAD_LETTERS = statement(
  'open_dead_letters',
  `select count(*)::int as letters from (
     select from orchestrator.dead_letters where requeued_as is null limit ${COUNTED_LETTERS}
   ) open`,
);

/**
 * $1 tenant, $2 and $3 the last letter of the previous page (its time in ms, its run) or null, $4 most letters; newest
 * first.
 */
export const DEAD_LETTERS = statement(
  'dead_letters',
  `select run_id, tenant_id, user_id, task, reason, error, attempts, orchestrator.millis(at) as at_ms, requeued_as
   from orchestrator.dead_letters
   where tenant_id = $1 and ($2::float8 is null or (at, run_id) < (to_timestamp($2::float8 / 1000), $3))
   order by at desc, run_id desc limit $4`,
);

/** $1 tenant, $2 run id. */
export const DEAD_LETTER = statement(
  'dead_letter',
  `select run_id, tenant_id, user_id, task, reason, error, attempts, orchestrator.millis(at) as at_ms, requeued_as
   from orchestrator.dead_letters where tenant_id = $1 and run_id = $2`,
);

/** $1 run id, $2 the run that it was requeued as. */
export const REQUEUED = statement(
  'requeued',
  'update orchestrator.dead_letters set requeued_as = $2 where run_id = $1 and requeued_as is null',
);

/** $1 tenant, $2 ms since 1970. PostgreSQL's JSON cannot hold U+0000, which a text in the body may contain. */
export const SPENT_SINCE = statement(
  'spent_since',
  `select user_id,
     sum((usage->>'input_tokens')::float8 + (usage->>'output_tokens')::float8) as tokens,
     sum(coalesce((usage->>'usd')::float8, 0)) as usd
   from (
     select r.user_id, replace(e.body, '\\u0000', '\\ufffd')::json->'usage' as usage
     from orchestrator.runs r join orchestrator.run_events e on e.run_id = r.run_id
     where r.tenant_id = $1 and r.updated_at >= to_timestamp($2::float8 / 1000)
       and (e.type = 'orchestrator.planning.completed'
            or (e.type = 'orchestrator.step.completed' and e.body like '%"usage":%'))
       and e.ts >= to_timestamp($2::float8 / 1000)
   ) plannings group by user_id`,
);
