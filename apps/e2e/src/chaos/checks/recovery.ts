import { type FaultWindow, type JournalRow, TERMINAL } from './evidence-rows.ts';

/* How long runs stood still. Pure. Times in ms. */

export interface Spread {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Recovery {
  /** From the death or pause of an orchestrator to the first event of the next owner, where there was one. */
  readonly takeover: Spread;
  /** From any fault to the next event of each run that was under way. */
  readonly progress: Spread;
}

const ASKED = 'orchestrator.approval.requested';

export function recoveryOf(events: readonly JournalRow[], faults: readonly FaultWindow[]): Recovery {
  const runs = new Map<string, JournalRow[]>();
  for (const event of [...events].sort((a, b) => a.seq - b.seq)) {
    const rows = runs.get(event.runId);
    if (rows) rows.push(event);
    else runs.set(event.runId, [event]);
  }
  const orchestrators = faults
    .filter(({ target }) => target.startsWith('orchestrator'))
    .map(({ ts }) => ts)
    .sort((a, b) => a - b);
  const takeover: number[] = [];
  const progress: number[] = [];
  for (const rows of runs.values()) {
    rows.forEach((row, at) => {
      const before = rows[at - 1];
      if (!before || row.epoch <= before.epoch || before.epoch === 0 || before.type === ASKED) return;
      // The last fault between the two events that can have ended the earlier ownership.
      const struck = orchestrators.find((ts) => ts >= before.ts - 50 && ts <= row.ts);
      if (struck !== undefined) takeover.push(Math.max(0, row.ts - struck));
    });
    const end = rows.find(({ type }) => type === TERMINAL)?.ts ?? Infinity;
    const start = rows[0]?.ts ?? Infinity;
    for (const { ts } of faults) {
      if (ts < start || ts >= end) continue;
      const next = rows.findIndex((row) => row.ts >= ts);
      // A run that waits for a person does not count as standing still.
      if (next >= 0 && rows[next - 1]?.type !== ASKED) progress.push(rows[next]!.ts - ts);
    }
  }
  return { takeover: spreadOf(takeover), progress: spreadOf(progress) };
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 };
}
