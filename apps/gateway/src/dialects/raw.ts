import { formatCursor, toCloudEvent } from '@switchyard/contracts';
import type { Dialect } from './dialect.ts';

/** The facts as they are on the bus: one CloudEvents document per frame, named by its type. */
export const rawDialect: Dialect<null> = {
  initial: () => null,
  project: (state, event) => ({
    state,
    frames: [{ event: event.type, data: toCloudEvent(event), id: formatCursor(event.runId, event.seq) }],
  }),
  interrupted: (_state, problem) => [{ event: 'error', data: { code: problem.code, error: problem.message } }],
};
