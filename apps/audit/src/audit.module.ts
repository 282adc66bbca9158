import { type DynamicModule, Module } from '@nestjs/common';
import { AuditService } from './audit-service.ts';
import { AuditHandler } from './audit.handler.ts';

/** The one Nest module: publishes what app.ts wired to the handler at the edge. */
@Module({})
export class AuditModule {
  static with(parts: { service: AuditService }): DynamicModule {
    return {
      module: AuditModule,
      controllers: [AuditHandler],
      providers: [{ provide: AuditService, useValue: parts.service }],
    };
  }
}
