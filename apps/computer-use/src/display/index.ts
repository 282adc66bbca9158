export { ACCOUNTS } from './account-slot.ts';
export type { Program } from './containment.ts';
export { reapOrphans } from './reaper.ts';
export { Session } from './session.ts';
export { SessionFiles, type SessionRows } from './session-rows.ts';
export type { Screen } from './x-server.ts';
