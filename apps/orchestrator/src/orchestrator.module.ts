import { type DynamicModule, Module } from '@nestjs/common';
import { RunDesk } from './run-desk.ts';
import { RunsHandler } from './runs.handler.ts';
import { ThreadDesk } from './thread-desk.ts';

/** The one Nest module: publishes what app.ts wired to the handlers at the edge. */
@Module({})
export class OrchestratorModule {
  static with(parts: { runs: RunDesk; threads: ThreadDesk }): DynamicModule {
    return {
      module: OrchestratorModule,
      controllers: [RunsHandler],
      providers: [
        { provide: RunDesk, useValue: parts.runs },
        { provide: ThreadDesk, useValue: parts.threads },
      ],
    };
  }
}
