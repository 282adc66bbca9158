export { type Exceeded, exceededLimit, leavesRoomForAnswer, runDeadline, stepsLeft } from './budget.ts';
export { constraintsAllow } from './constraints.ts';
export { evolve, fold, objection, performedSteps, stepsToPerform } from './evolve.ts';
export { type Finish, next, type Next, terminalData } from './next.ts';
export { INITIAL, type Phase, type Planning, type RunState, type StepState } from './state.ts';
