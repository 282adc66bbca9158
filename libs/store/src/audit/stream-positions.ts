import type { Pool } from 'pg';
import { row, type Statement } from '../postgres/index.ts';

/** How far a stream of the bus is, and which one it is: `made` differs where it was made anew. */
export interface StreamPosition {
  readonly made: string;
  readonly lastSeq: number;
}

export interface StreamPositions {
  /**
   * Notes what a look at the stream showed. Where it lost messages since the last look (`lost`), runs that ended from
   * `marginMs` before that on are marked as not published, so that the relay publishes them again; a page of them with
   * each call (`marked`).
   */
  note(stream: string, position: StreamPosition, marginMs: number): Promise<{ lost: boolean; marked: number }>;
}

const PAGE = 500;
const NOTE: Statement = { name: 'note_stream', text: 'select * from orchestrator.note_stream($1, $2, $3, $4, $5)' };

export class SqlStreamPositions implements StreamPositions {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  note(
    stream: string,
    { made, lastSeq }: StreamPosition,
    marginMs: number,
  ): Promise<{ lost: boolean; marked: number }> {
    return row<{ lost: boolean; marked: number }>(this.#pool, NOTE, [stream, made, lastSeq, marginMs, PAGE]);
  }
}
