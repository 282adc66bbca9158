import { type DynamicModule, Module } from '@nestjs/common';
import { Bridge } from './bridge.ts';
import { BridgeHandler } from './bridge.handler.ts';

/** The one Nest module: publishes what app.ts wired to the handler at the edge. */
@Module({})
export class XmppBridgeModule {
  static with(bridge: Bridge): DynamicModule {
    return {
      module: XmppBridgeModule,
      controllers: [BridgeHandler],
      providers: [{ provide: Bridge, useValue: bridge }],
    };
  }
}
