import { type DynamicModule, Module } from '@nestjs/common';
import { AuditDesk } from './audit-desk.ts';
import { AuditHandler } from './audit.handler.ts';

/** The one Nest module: publishes what app.ts wired to the handler at the edge. */
@Module({})
export class AuditModule {
  static with(parts: { desk: AuditDesk }): DynamicModule {
    return {
      module: AuditModule,
      controllers: [AuditHandler],
      providers: [{ provide: AuditDesk, useValue: parts.desk }],
    };
  }
}
