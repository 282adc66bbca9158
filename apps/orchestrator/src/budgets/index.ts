/* What a tenant may spend in a day, and what it has spent. */

export { BudgetService } from './budget-service.ts';
export { BudgetsHandler } from './budgets.handler.ts';
export { type DailyBudget, RedisDailyBudget, type Reservation } from './daily-budget.ts';
