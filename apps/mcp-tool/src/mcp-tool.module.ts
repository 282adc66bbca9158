import { type DynamicModule, Module } from '@nestjs/common';
import { AuthHandler } from './auth.handler.ts';
import { Authorisations } from './authorisations.ts';
import { EffectRecords } from './effect-records.ts';
import { EffectsHandler } from './effects.handler.ts';
import { Executor } from './executor.ts';
import { StepAgent } from './step-agent.ts';
import { StepHandler } from './step.handler.ts';
import { Toolbox } from './toolbox.ts';
import { ToolsHandler } from './tools.handler.ts';

/** The one Nest module: publishes what app.ts wired to the handlers at the edge. */
@Module({})
export class McpToolModule {
  static with(parts: {
    toolbox: Toolbox;
    executor: Executor;
    agent: StepAgent;
    records: EffectRecords;
    authorisations: Authorisations;
  }): DynamicModule {
    return {
      module: McpToolModule,
      controllers: [ToolsHandler, StepHandler, EffectsHandler, AuthHandler],
      providers: [
        { provide: Toolbox, useValue: parts.toolbox },
        { provide: Executor, useValue: parts.executor },
        { provide: EffectRecords, useValue: parts.records },
        { provide: StepAgent, useValue: parts.agent },
        { provide: Authorisations, useValue: parts.authorisations },
      ],
    };
  }
}
