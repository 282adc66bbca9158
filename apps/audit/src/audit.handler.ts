import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import { type InputOf, listRuns, type OutputOf, queryAudit } from '@switchyard/contracts';
import { AuditService } from './audit-service.ts';

@Controller()
export class AuditHandler {
  readonly #service: AuditService;

  constructor(service: AuditService) {
    this.#service = service;
  }

  @Handles(queryAudit)
  query(input: InputOf<typeof queryAudit>): Promise<OutputOf<typeof queryAudit>> {
    return this.#service.query(input);
  }

  @Handles(listRuns)
  runs(input: InputOf<typeof listRuns>): Promise<OutputOf<typeof listRuns>> {
    return this.#service.runs(input);
  }
}
