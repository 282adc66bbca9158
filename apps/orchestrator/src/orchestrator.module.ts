import { type DynamicModule, Module } from '@nestjs/common';
import { BudgetDesk } from './budget-desk.ts';
import { BudgetsHandler } from './budgets.handler.ts';
import { DeadLetterDesk } from './dead-letter-desk.ts';
import { DeadLettersHandler } from './dead-letters.handler.ts';
import { ModelDesk } from './model-desk.ts';
import { ModelHandler } from './model.handler.ts';
import { RunDesk } from './run-desk.ts';
import { RunsHandler } from './runs.handler.ts';
import { ThreadDesk } from './thread-desk.ts';
import { WatchDesk } from './watch-desk.ts';

/** The one Nest module: publishes what app.ts wired to the handlers at the edge. */
@Module({})
export class OrchestratorModule {
  static with(parts: {
    runs: RunDesk;
    threads: ThreadDesk;
    deadLetters: DeadLetterDesk;
    budgets: BudgetDesk;
    watches: WatchDesk;
    model: ModelDesk;
  }): DynamicModule {
    return {
      module: OrchestratorModule,
      controllers: [RunsHandler, DeadLettersHandler, BudgetsHandler, ModelHandler],
      providers: [
        { provide: RunDesk, useValue: parts.runs },
        { provide: ThreadDesk, useValue: parts.threads },
        { provide: WatchDesk, useValue: parts.watches },
        { provide: DeadLetterDesk, useValue: parts.deadLetters },
        { provide: ModelDesk, useValue: parts.model },
        { provide: BudgetDesk, useValue: parts.budgets },
      ],
    };
  }
}
