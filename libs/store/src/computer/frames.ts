import type { Pool } from 'pg';
import { row, rows, type Statement } from '../postgres/index.ts';

/** What a screen showed at one moment of a run. */
export interface KeptFrame {
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
  readonly png: Buffer;
}

/** The frames of runs, each once by the hash of its picture. A frame belongs to one run of one tenant. */
export interface Frames {
  keep(run: { readonly tenantId: string; readonly runId: string }, frame: KeptFrame): Promise<void>;
  get(run: { readonly tenantId: string; readonly runId: string }, sha256: string): Promise<KeptFrame | undefined>;
  /** Removes frames older than `keepMs`; returns how many. */
  remove(limit: number, keepMs: number): Promise<number>;
}

const statement = (name: string, text: string): Statement => ({ name: `computer_frames_${name}`, text });

const KEEP = statement(
  'keep',
  `with kept as (
     insert into computer_use.frames (tenant_id, run_id, sha256, width, height, png) values ($1, $2, $3, $4, $5, $6)
     on conflict do nothing returning 1)
   select count(*)::int as kept from kept`,
);
const GET = statement(
  'get',
  'select sha256, width, height, png from computer_use.frames where tenant_id = $1 and run_id = $2 and sha256 = $3',
);
const REMOVE = statement(
  'remove',
  `delete from computer_use.frames where ctid = any (array (
     select ctid from computer_use.frames
     where created_at < clock_timestamp() - $2::float8 * interval '1 millisecond' order by created_at limit $1
   )) returning sha256`,
);

/** Frames over PostgreSQL. */
export class SqlFrames implements Frames {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async keep(run: { tenantId: string; runId: string }, { sha256, width, height, png }: KeptFrame): Promise<void> {
    await row(this.#pool, KEEP, [run.tenantId, run.runId, sha256, width, height, png]);
  }

  async get(run: { tenantId: string; runId: string }, sha256: string): Promise<KeptFrame | undefined> {
    return (await rows<KeptFrame>(this.#pool, GET, [run.tenantId, run.runId, sha256]))[0];
  }

  async remove(limit: number, keepMs: number): Promise<number> {
    return (await rows(this.#pool, REMOVE, [limit, keepMs])).length;
  }
}
