import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { AgUiController } from './ag-ui.controller.ts';
import { BudgetController } from './budget.controller.ts';
import { DeadLettersController } from './dead-letters.controller.ts';
import { DocsController } from './docs.controller.ts';
import { EffectsController } from './effects.controller.ts';
import { McpController } from './mcp.controller.ts';
import { OrchestrateController } from './orchestrate.controller.ts';
import { ProviderAuthController } from './provider-auth.controller.ts';
import { RunsController } from './runs.controller.ts';
import { SystemController } from './system.controller.ts';
import { ToolsController } from './tools.controller.ts';
import { UpstreamsController } from './upstreams.controller.ts';

export const CONTROLLERS = [
  OrchestrateController,
  AgUiController,
  RunsController,
  BudgetController,
  DeadLettersController,
  EffectsController,
  ToolsController,
  McpController,
  ProviderAuthController,
  UpstreamsController,
  SystemController,
  DocsController,
];

/** The one Nest module: routes requests to controllers; everything behind them is wired in app.ts. */
@Module({})
export class GatewayModule {
  static of(providers: Provider[]): DynamicModule {
    return {
      module: GatewayModule,
      providers,
      controllers: CONTROLLERS,
    };
  }
}
