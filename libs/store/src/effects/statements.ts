import type { Statement } from '../postgres/index.ts';

/* The statements of the ledger. The functions in prisma/migrations decide what may be written. */

const statement = (name: string, text: string): Statement => ({ name: `effect_${name}`, text });
const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8 as ${column}`;

const COLUMNS = `effect_id, tenant_id, user_id, idempotency_key, run_id, step_id, tool, kind, idempotency, args, state,
  result, attempts, late, late_state, settled_by, ${ms('settled_at')}, settled_note, ${ms('created_at')},
  ${ms('dispatched_at')}, ${ms('ended_at')}`;

export const BEGIN = statement(
  'begin',
  'select * from mcp_tool.begin_effect($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)',
);
export const DISPATCH = statement('dispatch', 'select mcp_tool.dispatch_effect($1, $2, $3) as done');
export const WITHDRAW = statement('withdraw', 'select mcp_tool.withdraw_effect($1, $2) as done');
export const COMPLETE = statement('complete', 'select * from mcp_tool.complete_effect($1, $2, $3, $4)');
export const RENEW = statement('renew', 'select mcp_tool.renew_effects($1, $2, $3) as effect_id');
export const IS_RUNNING = statement(
  'is_running',
  `select exists (
     select from mcp_tool.effects
     where effect_id = $1 and state in ('intent', 'dispatched') and lease_until >= clock_timestamp()
   ) as running`,
);
export const DOUBT_ORPHANS = statement('doubt_orphans', `select ${COLUMNS} from mcp_tool.doubt_orphans($1, $2)`);
export const COUNT_DOUBTS = statement(
  'count_doubts',
  `select count(*)::int as doubts from (select from mcp_tool.effects where state = 'in_doubt' limit $1) found`,
);
export const GET = statement('get', `select ${COLUMNS} from mcp_tool.effects where effect_id = $2 and tenant_id = $1`);
/** $1 tenant, $2 user, $3 run, $4 step. */
export const OF_STEP = statement(
  'of_step',
  `select ${COLUMNS} from mcp_tool.effects e
   where e.tenant_id = $1 and e.user_id = $2 and e.run_id = $3 and e.step_id = $4
   order by e.created_at, e.effect_id limit 1000`,
);
/** $1 tenant, $2 user, $3 run, $4 state, $5 and $6 the end of the previous page, $7 most rows. */
export const LIST = statement(
  'list',
  `select ${COLUMNS} from mcp_tool.effects e
   where e.tenant_id = $1 and ($2::text is null or e.user_id = $2) and ($3::text[] is null or e.run_id = any($3))
     and ($4::text is null or e.state = $4)
     and ($5::float8 is null or (e.created_at, e.effect_id) < (to_timestamp($5 / 1000), $6::text))
   order by e.created_at desc, e.effect_id desc limit $7`,
);
export const SETTLE = statement('settle', 'select mcp_tool.settle_effect($1, $2, $3, $4, $5, $6) as outcome');
export const REMOVE = statement('remove', 'select mcp_tool.remove_effects($1, $2) as removed');
