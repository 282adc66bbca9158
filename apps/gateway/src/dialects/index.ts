/* The events of a run in the wire format of each kind of client. Pure. */

export { isInterrupted, isTerminal, newTask, taskAfter, type TaskFold, taskOf } from './a2a-task.ts';
export { a2aDialect } from './a2a.ts';
export { hasCopies } from './ag-ui-copies.ts';
export { isClientCall } from './ag-ui-interrupts.ts';
export { agUiDialect } from './ag-ui.ts';
export type { DialectContext, SpokenText } from './dialect.ts';
export { legacyDialect } from './legacy.ts';
export { orchestrateDialect } from './orchestrate.ts';
export { createProjection, type StreamPosition, type Projection } from './projection.ts';
export { rawDialect } from './raw.ts';
