import type { Pool } from 'pg';
import { row, type Statement } from '../postgres/index.ts';

/** The position and identity of a stream of the bus: `made` changes if it was created again. */
export interface StreamPosition {
  readonly made: string;
  readonly lastSeq: number;
}

export interface StreamPositions {
  /**
   * Stores the observed position. If the stream lost messages since the last look (`lost`), runs that ended since
   * `marginMs` before that look are marked as not published, so that the relay publishes them again; one page of them
   * per call (`marked`).
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
