/* The ledger of effects, and the turns of the tool agent. */

export { type AgentTurns, SqlAgentTurns } from './agent-turns.ts';
export {
  type Begun,
  type Completion,
  type Effect,
  EFFECT_STATES,
  type EffectCall,
  type EffectRequest,
  type Effects,
  type EffectState,
  type Settlement,
} from './effects.ts';
export { effectMachine, type EffectRow, type EffectStep } from './machine.ts';
export { SqlEffects } from './sql-effects.ts';
