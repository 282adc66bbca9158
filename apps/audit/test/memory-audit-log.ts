import { isDeepStrictEqual } from 'node:util';
import { AppError, type AuditRecord, parseCursor, TERMINAL_TYPE } from '@switchyard/contracts';
import type {
  AcceptedPlace,
  AuditFilter,
  AuditLog,
  AuditPosition,
  RecordsAppended,
  RunFilter,
  SummaryUpdate,
} from '@switchyard/store';

/** The audit log of the store in memory, with the same promises; `down` makes it answer like a lost database. */
export class MemoryAuditLog implements AuditLog {
  readonly records = new Map<string, AuditRecord>();
  readonly folded = new Map<string, SummaryUpdate>();
  readonly checked: string[] = [];
  place: AcceptedPlace | undefined;
  down = false;
  #held = 0;

  async append(records: readonly AuditRecord[]): Promise<RecordsAppended> {
    this.#answer();
    const before = this.records.size;
    const conflicts = new Set<string>();
    for (const record of records) {
      const held = this.records.get(record.id);
      if (!held) this.records.set(record.id, record);
      else if (!isDeepStrictEqual({ ...held, userId: null }, { ...record, userId: null })) conflicts.add(record.id);
    }
    this.#held += conflicts.size;
    return { added: this.records.size - before, conflicts: [...conflicts] };
  }

  async conflicts(): Promise<number> {
    this.#answer();
    return this.#held;
  }

  async upsertSummaries(summaries: readonly SummaryUpdate[]): Promise<void> {
    this.#answer();
    for (const summary of summaries) {
      if ((this.#position(summary.runId)?.knownSeq ?? 0) < summary.lastSeq) continue;
      if ((this.folded.get(summary.runId)?.lastSeq ?? 0) < summary.lastSeq) this.folded.set(summary.runId, summary);
    }
  }

  async summaries(runIds: readonly string[]): Promise<SummaryUpdate[]> {
    this.#answer();
    return runIds.map((id) => this.folded.get(id)).filter((s) => s !== undefined);
  }

  async positions(runIds: readonly string[]): Promise<AuditPosition[]> {
    this.#answer();
    return runIds.map((id) => this.#position(id)).filter((p) => p !== undefined);
  }

  async gaps({ limit }: { limit: number }): Promise<AuditPosition[]> {
    const runIds = [...new Set([...this.records.values()].map((r) => r.runId))].filter((id) => id !== null);
    const open = (await this.positions(runIds)).filter((p) => !p.ended || p.knownSeq < p.seenSeq);
    return open.slice(0, limit);
  }

  async markChecked(runIds: readonly string[]): Promise<void> {
    this.#answer();
    this.checked.push(...runIds);
  }

  async compared(): Promise<AcceptedPlace | undefined> {
    this.#answer();
    return this.place;
  }

  async noteCompared(place: AcceptedPlace): Promise<void> {
    this.#answer();
    this.place = place;
  }

  async prune({ keepDays, limit }: { keepDays: number; limit: number }): Promise<number> {
    this.#answer();
    const before = Date.now() - keepDays * 86_400_000;
    const due = [...this.records.values()].filter(({ ts }) => ts < before).slice(0, limit);
    for (const { id } of due) this.records.delete(id);
    return due.length;
  }

  async query(filter: AuditFilter): Promise<{ records: AuditRecord[]; nextCursor: string | null }> {
    this.#answer();
    const records = [...this.records.values()].filter(
      (r) => r.tenantId === filter.tenantId && (filter.userId === undefined || r.userId === filter.userId),
    );
    return { records: records.slice(0, filter.limit), nextCursor: null };
  }

  async listRuns(filter: RunFilter): Promise<{ runs: SummaryUpdate[]; nextCursor: string | null }> {
    this.#answer();
    const runs = [...this.folded.values()].filter(
      (r) => r.tenantId === filter.tenantId && (filter.userId === undefined || r.userId === filter.userId),
    );
    return { runs: runs.slice(0, filter.limit), nextCursor: null };
  }

  #position(runId: string): AuditPosition | undefined {
    const own = [...this.records.values()].filter((r) => r.runId === runId && parseCursor(r.id)?.seq === r.seq);
    if (own.length === 0) return undefined;
    const seqs = new Set(own.map((r) => r.seq));
    let knownSeq = 0;
    while (seqs.has(knownSeq + 1)) knownSeq += 1;
    return {
      runId,
      tenantId: own[0]!.tenantId!,
      knownSeq,
      seenSeq: Math.max(...seqs),
      ended: own.some((r) => r.type === TERMINAL_TYPE),
    };
  }

  #answer(): void {
    if (this.down) throw new AppError('unavailable');
  }
}
