import { type DynamicModule, Module } from '@nestjs/common';
import { AuthHandler } from './auth.handler.ts';
import { Authorisations } from './authorisations.ts';
import { ClientRegistrations } from './client-registrations.ts';
import { DiscoveredProviders } from './discovered-providers.ts';
import { EffectRecords } from './effect-records.ts';
import { EffectsHandler } from './effects.handler.ts';
import { FileCheck } from './file-check.ts';
import { OpenCalls } from './open-calls.ts';
import { ProviderLogins } from './provider-logins.ts';
import { StepAgent } from './step-agent.ts';
import { StepHandler } from './step.handler.ts';
import { ToolAdminHandler } from './tool-admin.handler.ts';
import { ToolRegistrar } from './tool-registrar.ts';
import { Toolbox } from './toolbox.ts';
import { ToolsHandler } from './tools.handler.ts';
import { Quarantine } from './upstream-quarantine.ts';
import { UpstreamRequests } from './upstream-requests.ts';
import type { Upstreams } from './upstreams.ts';
import { UpstreamsHandler } from './upstreams.handler.ts';

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
