import type { Pool } from 'pg';
import { row, rows, type Statement } from '../postgres/index.ts';

/** A step that an agent performs. */
export interface AgentStep {
  readonly tenantId: string;
  readonly userId: string;
  /** The idempotency key of the step, the same for every dispatch. */
  readonly stepKey: string;
}

/** An agent's decisions in its steps, turn by turn. */
export interface AgentTurns {
  /** Stores a turn; returns the stored one: if several workers decide the same turn, the first wins. */
  keep(step: AgentStep, turn: number, body: string): Promise<string>;
  /** The turns of a step, in order. */
  of(step: AgentStep): Promise<string[]>;
  /** Removes turns older than `keepMs`; returns how many. */
  remove(limit: number, keepMs: number): Promise<number>;
}

const statement = (name: string, text: string): Statement => ({ name: `agent_turns_${name}`, text });

const KEEP = statement('keep', 'select mcp_tool.keep_agent_turn($1, $2, $3, $4, $5) as body');
const OF = statement(
  'of',
  'select body from mcp_tool.agent_turns where tenant_id = $1 and user_id = $2 and step_key = $3 order by turn',
);
const REMOVE = statement(
  'remove',
  `delete from mcp_tool.agent_turns where ctid = any (array (
     select ctid from mcp_tool.agent_turns
     where created_at < clock_timestamp() - $2::float8 * interval '1 millisecond' order by created_at limit $1
   )) returning turn`,
);

/** Turns over PostgreSQL. */
export class SqlAgentTurns implements AgentTurns {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async keep({ tenantId, userId, stepKey }: AgentStep, turn: number, body: string): Promise<string> {
    return (await row<{ body: string }>(this.#pool, KEEP, [tenantId, userId, stepKey, turn, body])).body;
  }

  async of({ tenantId, userId, stepKey }: AgentStep): Promise<string[]> {
    return (await rows<{ body: string }>(this.#pool, OF, [tenantId, userId, stepKey])).map(({ body }) => body);
  }

  async remove(limit: number, keepMs: number): Promise<number> {
    return (await rows(this.#pool, REMOVE, [limit, keepMs])).length;
  }
}
