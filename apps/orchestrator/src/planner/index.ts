/* The interface of a planner, and the functions that a model may choose. */

export { type ApprovalDefaults, type ApprovalRules, rulesFor } from './approvals.ts';
export { functionsFor, type ModelCall, toActs, type Toolbox, withClientTools } from './functions.ts';
export type { ModelAnswer, ModelRequest, ModelWait, Planner } from './planner.ts';
