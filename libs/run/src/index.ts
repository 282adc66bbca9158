export { isWaiting, openAsks } from './asks.ts';
export { type Exceeded, exceededLimit, limitOf, runDeadline, stepsLeft } from './budget.ts';
export { AGENT_PROVIDER, constraintsAllow, matchesTool, objectionToDelegation } from './constraints.ts';
export { addUsage, evolve, fold } from './evolve.ts';
export { dispatching, factStepId, foresee, type ForeseeContext, stepCompleted, type StepOutcome } from './foresee.ts';
export { argumentsOf, callInWords, type ModelFunction, taking, toolFunction } from './functions.ts';
export { giveUp } from './give-up.ts';
export {
  ASK_USER,
  type Conversation,
  DELEGATE,
  estimateTokens,
  history,
  type ModelMessage,
  offersFunctions,
  promptDigest,
  quoteUntrusted,
  signedAs,
  TOOL_AGENT,
  toMessages,
} from './messages.ts';
export { next, type Next } from './next.ts';
export { messageIdOf, numberActs, summaryOf } from './planned.ts';
export { type Difference, replay, type Replay } from './replay.ts';
export { type Ask, INITIAL, type Phase, type Planning, type RunState, type StepState } from './state.ts';
export { stepsToPlan } from './room.ts';
export { isDecidedByWorker, openSteps, performedSteps } from './steps.ts';
export { firstUntrusted } from './taint.ts';
