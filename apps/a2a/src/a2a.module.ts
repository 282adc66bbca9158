import { type DynamicModule, Module } from '@nestjs/common';
import { AgentsHandler, Directory } from './agents/index.ts';
import { Delegator, StepHandler } from './delegation/index.ts';

/** The one Nest module: publishes what app.ts wired to the handlers at the edge. */
@Module({})
export class A2aModule {
  static with(parts: { directory: Directory; delegator: Delegator }): DynamicModule {
    return {
      module: A2aModule,
      controllers: [AgentsHandler, StepHandler],
      providers: [
        { provide: Directory, useValue: parts.directory },
        { provide: Delegator, useValue: parts.delegator },
      ],
    };
  }
}
