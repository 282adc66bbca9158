import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import { getBudget, type InputOf, type OutputOf } from '@switchyard/contracts';
import { BudgetService } from './budget-service.ts';

@Controller()
export class BudgetsHandler {
  readonly #budgets: BudgetService;

  constructor(budgets: BudgetService) {
    this.#budgets = budgets;
  }

  @Handles(getBudget)
  get({ principal }: InputOf<typeof getBudget>): Promise<OutputOf<typeof getBudget>> {
    return this.#budgets.get(principal);
  }
}
