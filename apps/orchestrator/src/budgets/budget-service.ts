import { AppError, type BudgetView, type Principal, type RunSpec } from '@switchyard/contracts';
import type { Clock } from '@switchyard/platform';
import { type DailyBudget, nothingCounted } from './daily-budget.ts';
import type { Prices } from './prices.ts';

/** Answers questions about limits of money and tokens. */
export class BudgetService {
  readonly #parts: {
    readonly daily: DailyBudget | null;
    readonly prices: Prices;
    readonly defaultModel: string;
    readonly clock: Clock;
  };

  constructor(parts: {
    readonly daily: DailyBudget | null;
    readonly prices: Prices;
    readonly defaultModel: string;
    readonly clock: Clock;
  }) {
    this.#parts = parts;
  }

  async get(principal: Principal): Promise<BudgetView> {
    const { daily, clock } = this.#parts;
    return daily ? daily.view(principal) : nothingCounted(principal.role, clock.now());
  }

  /** Refuses a money limit for a model without a known price: it could not be enforced. Throws `invalid_input`. */
  checkPrice({ budget, engine, principal }: RunSpec): void {
    const limits = this.#parts.daily?.limits(principal.tenantId);
    const limited = budget.max_usd !== null || [limits?.user.usd, limits?.tenant.usd].some((usd) => usd != null);
    const model = engine ?? this.#parts.defaultModel;
    if (!limited || this.#parts.prices(model)) return;
    const why = budget.max_usd === null ? 'A limit of money applies' : 'max_usd is set';
    throw new AppError(
      'invalid_input',
      `${why}, but the price of the model "${model}" is not known here. Name another model, or have it added to MODEL_PRICES.`,
    );
  }
}
