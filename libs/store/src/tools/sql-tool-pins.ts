import type { Pool } from 'pg';
import { sha256 } from '@switchyard/contracts';
import { rows } from '../postgres/index.ts';
import type { PinDecision, PinnedTool, ToolPin, ToolPinChange, ToolPins } from './tool-pins.ts';

interface PinRow {
  upstream: string;
  tool: string;
  approved: string | null;
  pending: string | null;
  pending_hash: string | null;
  reasons: string;
  rejected_hash: string | null;
  seen_at: number;
  decided_by: string | null;
  decided_at: number | null;
}

const COLUMNS = `upstream, tool, approved, pending, pending_hash, reasons, rejected_hash,
  (extract(epoch from seen_at) * 1000)::float8 as seen_at, decided_by,
  (extract(epoch from decided_at) * 1000)::float8 as decided_at`;

const OF = { name: 'pins_of', text: `select ${COLUMNS} from mcp_tool.tool_pins where upstream = $1 order by tool` };
const GET = { name: 'pins_get', text: `select ${COLUMNS} from mcp_tool.tool_pins where upstream = $1 and tool = $2` };
const WAITING = {
  name: 'pins_waiting',
  text: `select ${COLUMNS} from mcp_tool.tool_pins
    where pending is not null and ($1::text is null or (upstream, tool) > ($1, $2))
    order by upstream, tool limit $3`,
};
// Storing the same definitions twice changes nothing the second time, and never undoes what another replica or a person
// did meanwhile.
const NOTE = {
  name: 'pins_note',
  text: `insert into mcp_tool.tool_pins as p (upstream, tool, approved, pending, pending_hash, reasons, seen_at)
    select $1, c.tool, c.approved, c.pending, c.hash, c.reasons, clock_timestamp()
    from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) as c (tool, approved, pending, hash, reasons)
    order by c.tool
    on conflict (upstream, tool) do update
    set pending = excluded.pending, pending_hash = excluded.pending_hash, reasons = excluded.reasons,
      seen_at = excluded.seen_at
    where excluded.approved is null
      and p.pending is distinct from excluded.pending
      and (excluded.pending is null or p.approved is distinct from excluded.pending)
      and (excluded.pending is null or p.rejected_hash is distinct from excluded.pending_hash)
    returning tool`,
};
// Matched by the hash: a person decides only on the definition that they looked at.
const APPROVE = {
  name: 'pins_approve',
  text: `update mcp_tool.tool_pins set approved = pending, pending = null, pending_hash = null, reasons = '[]',
      rejected_hash = null, decided_by = $4, decided_at = clock_timestamp()
    where upstream = $1 and tool = $2 and pending_hash = $3 returning tool`,
};
const REJECT = {
  name: 'pins_reject',
  text: `update mcp_tool.tool_pins set rejected_hash = pending_hash, pending = null, pending_hash = null, reasons = '[]',
      decided_by = $4, decided_at = clock_timestamp()
    where upstream = $1 and tool = $2 and pending_hash = $3 returning tool`,
};

export class SqlToolPins implements ToolPins {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async of(upstream: string): Promise<ToolPin[]> {
    return (await rows<PinRow>(this.#pool, OF, [upstream])).map(toPin);
  }

  async note(upstream: string, changes: readonly ToolPinChange[]): Promise<string[]> {
    if (changes.length === 0) return [];
    const pending = changes.map((change) => (change.become === 'quarantined' ? change.definition : null));
    const values = [
      changes.map((change) => change.tool),
      changes.map((change) => (change.become === 'approved' ? change.definition : null)),
      pending,
      pending.map((definition) => definition && sha256(definition)),
      changes.map((change) => JSON.stringify(change.become === 'quarantined' ? change.reasons : [])),
    ];
    return (await rows<{ tool: string }>(this.#pool, NOTE, [upstream, ...values])).map(({ tool }) => tool);
  }

  async waiting({ limit, after }: Parameters<ToolPins['waiting']>[0]): Promise<PinnedTool[]> {
    return (await rows<PinRow>(this.#pool, WAITING, [after?.upstream ?? null, after?.tool ?? null, limit])).map(toPin);
  }

  async get(upstream: string, tool: string): Promise<PinnedTool | undefined> {
    const [found] = await rows<PinRow>(this.#pool, GET, [upstream, tool]);
    return found && toPin(found);
  }

  async decide({ upstream, tool, hash, verdict, by }: PinDecision): Promise<boolean> {
    const statement = verdict === 'approve' ? APPROVE : REJECT;
    return (await rows(this.#pool, statement, [upstream, tool, hash, by])).length > 0;
  }
}

function toPin(row: PinRow): PinnedTool {
  return {
    upstream: row.upstream,
    tool: row.tool,
    approved: row.approved,
    pending: row.pending,
    pendingHash: row.pending_hash,
    reasons: JSON.parse(row.reasons) as string[],
    rejected: row.rejected_hash,
    seenAt: row.seen_at,
    decidedBy: row.decided_by,
    decidedAt: row.decided_at,
  };
}
