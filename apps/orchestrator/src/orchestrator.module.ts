import { type DynamicModule, Module } from '@nestjs/common';
import { BudgetDesk, BudgetsHandler } from './budgets/index.ts';
import {
  DeadLetterDesk,
  DeadLettersHandler,
  ModelDesk,
  ModelHandler,
  RunDesk,
  RunsHandler,
  ThreadDesk,
  WatchDesk,
} from './runs/index.ts';

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
