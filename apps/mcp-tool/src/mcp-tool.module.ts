import { type DynamicModule, Module } from '@nestjs/common';
import { AuthHandler, Authorisations, ProviderLogins } from './credentials/index.ts';
import { ClientRegistrations } from './oauth/index.ts';
import { DiscoveredProviders } from './credentials/discovered/index.ts';
import { EffectRecords, EffectsHandler } from './effects/index.ts';
import { FileCheck, ToolAdminHandler, ToolRegistrar } from './declared-tools/index.ts';
import { OpenCalls, ToolsHandler } from './calls/index.ts';
import { StepAgent, StepHandler } from './agent/index.ts';
import { Toolbox } from './catalog/index.ts';
import { Quarantine } from './upstreams/definitions/index.ts';
import { UpstreamRequests, UpstreamsHandler } from './upstreams/calls/index.ts';
import type { Upstreams } from './open-upstreams.ts';

/** The one Nest module: publishes what app.ts wired to the handlers at the edge. */
@Module({})
export class McpToolModule {
  static with(parts: {
    toolbox: Toolbox;
    calls: OpenCalls;
    agent: StepAgent;
    records: EffectRecords;
    authorisations: Authorisations;
    logins: ProviderLogins;
    clients: ClientRegistrations;
    discovered: DiscoveredProviders;
    upstreams: Upstreams;
    registrar: ToolRegistrar;
    files: FileCheck;
  }): DynamicModule {
    return {
      module: McpToolModule,
      controllers: [ToolsHandler, StepHandler, EffectsHandler, AuthHandler, UpstreamsHandler, ToolAdminHandler],
      providers: [
        { provide: Toolbox, useValue: parts.toolbox },
        { provide: OpenCalls, useValue: parts.calls },
        { provide: EffectRecords, useValue: parts.records },
        { provide: UpstreamRequests, useValue: parts.upstreams.requests },
        { provide: Quarantine, useValue: parts.upstreams.quarantine },
        { provide: ToolRegistrar, useValue: parts.registrar },
        { provide: FileCheck, useValue: parts.files },
        { provide: StepAgent, useValue: parts.agent },
        { provide: Authorisations, useValue: parts.authorisations },
        { provide: ProviderLogins, useValue: parts.logins },
        { provide: ClientRegistrations, useValue: parts.clients },
        { provide: DiscoveredProviders, useValue: parts.discovered },
      ],
    };
  }
}
