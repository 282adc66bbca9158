export { askForBudget, askForStep, firstExpiry, isCleared, isWaiting, openAsks } from './asks.ts';
export {
  type Exceeded,
  exceededLimit,
  leavesRoomForAnswer,
  limitOf,
  onExceeded,
  runDeadline,
  stepsLeft,
} from './budget.ts';
export { constraintsAllow, matchesTool } from './constraints.ts';
export { addUsage, evolve, fold, objection } from './evolve.ts';
export {
  announcementsFor,
  dispatching,
  factStepId,
  foresee,
  type ForeseeContext,
  type Foresight,
  stepCompleted,
  type StepOutcome,
} from './foresee.ts';
export { argumentsOf, callInWords, type ModelFunction, taking, toolFunction } from './functions.ts';
export { giveUp } from './give-up.ts';
export {
  ASK_USER,
  type Conversation,
  DELEGATE,
  quoteStranger,
  TOOL_AGENT,
  estimateTokens,
  history,
  type ModelMessage,
  offersFunctions,
  promptDigest,
  toMessages,
} from './messages.ts';
export { type Finish, next, type Next, terminalData } from './next.ts';
export { messageIdOf, numberActs, summaryOf } from './planned.ts';
export { type Difference, replay, type Replay } from './replay.ts';
export { type Ask, INITIAL, type Phase, type Planning, type RunState, type StepState } from './state.ts';
export { openSteps, performedSteps } from './steps.ts';
export { firstUntrusted, isFromStranger } from './taint.ts';
