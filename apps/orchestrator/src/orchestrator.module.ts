import { type DynamicModule, Module } from '@nestjs/common';
import { BudgetService, BudgetsHandler } from './budgets/index.ts';
import {
  DeadLetterService,
  DeadLettersHandler,
  ModelService,
  ModelHandler,
  RunService,
  RunsHandler,
  ThreadService,
  AbandonedRunReaper,
} from './runs/index.ts';

/** The one Nest module: publishes what app.ts wired to the handlers at the edge. */
@Module({})
export class OrchestratorModule {
  static with(parts: {
    runs: RunService;
    threads: ThreadService;
    deadLetters: DeadLetterService;
    budgets: BudgetService;
    watches: AbandonedRunReaper;
    model: ModelService;
  }): DynamicModule {
    return {
      module: OrchestratorModule,
      controllers: [RunsHandler, DeadLettersHandler, BudgetsHandler, ModelHandler],
      providers: [
        { provide: RunService, useValue: parts.runs },
        { provide: ThreadService, useValue: parts.threads },
        { provide: AbandonedRunReaper, useValue: parts.watches },
        { provide: DeadLetterService, useValue: parts.deadLetters },
        { provide: ModelService, useValue: parts.model },
        { provide: BudgetService, useValue: parts.budgets },
      ],
    };
  }
}
