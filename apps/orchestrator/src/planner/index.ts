/* What a planner is asked and answers, and the functions that it may choose. */

export { type ApprovalDefaults, type ApprovalRules, rulesFor } from './approvals.ts';
export { functionsFor, type ModelCall, toActs, type Toolbox, withClientTools } from './functions.ts';
export type { ModelAnswer, ModelRequest, ModelWait, Planner } from './planner.ts';
