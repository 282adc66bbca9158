/* The ledger of the computer-use agent, and what its screens showed. */

export { type Frames, type KeptFrame, SqlFrames } from './frames.ts';
export {
  type ComputerSessions,
  type ComputerStep,
  type DispatchedAction,
  type HeldSession,
  type SessionBegun,
  SqlComputerSessions,
} from './sessions.ts';
