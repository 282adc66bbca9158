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
export { constraintsAllow } from './constraints.ts';
export { evolve, fold, objection } from './evolve.ts';
export { type Finish, next, type Next, terminalData } from './next.ts';
export { type Ask, INITIAL, type Phase, type Planning, type RunState, type StepState } from './state.ts';
export { openSteps, performedSteps } from './steps.ts';
