import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { A2aRestController, A2aRpcController, CardController } from './a2a/index.ts';
import { AgUiController } from './ag-ui/index.ts';
import {
  BudgetController,
  DeadLettersController,
  DocsController,
  EffectsController,
  OperationsController,
  SystemController,
  UpstreamsController,
} from './admin/index.ts';
import { McpController } from './mcp/index.ts';
import { OrchestrateController, RunsController } from './runs/index.ts';
import { ProviderAuthController, ToolsController } from './tools/index.ts';

export const CONTROLLERS = [
  OrchestrateController,
  AgUiController,
  RunsController,
  BudgetController,
  DeadLettersController,
  EffectsController,
  ToolsController,
  McpController,
  A2aRpcController,
  A2aRestController,
  CardController,
  ProviderAuthController,
  UpstreamsController,
  SystemController,
  DocsController,
];

/** The one Nest module: routes requests to controllers; app.ts wires everything behind them. */
@Module({})
export class GatewayModule {
  /** `operations`: whether the public port shows what the port for operations does. */
  static of(providers: Provider[], operations: boolean): DynamicModule {
    return {
      module: GatewayModule,
      providers,
      controllers: operations ? [...CONTROLLERS, OperationsController] : CONTROLLERS,
    };
  }
}
