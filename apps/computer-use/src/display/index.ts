export { type AccountRange, ACCOUNTS } from './account-slot.ts';
export type { Child } from './child.ts';
export { type Containment, INNER_HOME, LIMITS, type Limits, type Program } from './containment.ts';
export type { ProcessId } from './process-id.ts';
export { reapOrphans } from './reaper.ts';
export { Session, type SessionOptions } from './session.ts';
export { SessionFiles, type SessionRow, type SessionRows } from './session-rows.ts';
export type { Screen, XServer } from './x-server.ts';
