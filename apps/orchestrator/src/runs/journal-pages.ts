import { MAX_EVENTS_PAGE, type RunEvent } from '@switchyard/contracts';
import type { Journal } from '@switchyard/store';

/** Every event of a run, in order. */
export async function readWhole(journal: Pick<Journal, 'read'>, runId: string): Promise<RunEvent[]> {
  const all: RunEvent[] = [];
  for (;;) {
    const page = await journal.read(runId, all.length, MAX_EVENTS_PAGE);
    all.push(...page);
    if (page.length < MAX_EVENTS_PAGE) return all;
  }
}
