/* A planning: from the question to the model to the decision, within the limits of the run. */

export { failedPlanning } from './decide.ts';
export { createGuardrail, type Guardrail } from './guardrail.ts';
export { plan, type PlanningParts } from './planning.ts';
export { askWithinLimits, BudgetStop, type SpendingParts } from './spending.ts';
export { checkedFact, checkedOutcome, checkedResult, withheldFact } from './withheld.ts';
