import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import { type InputOf, listRuns, type OutputOf, queryAudit } from '@switchyard/contracts';
import { AuditDesk } from './audit-desk.ts';

@Controller()
export class AuditHandler {
  constructor(private readonly desk: AuditDesk) {}

  @Handles(queryAudit)
  query(input: InputOf<typeof queryAudit>): Promise<OutputOf<typeof queryAudit>> {
    return this.desk.query(input);
  }

  @Handles(listRuns)
  runs(input: InputOf<typeof listRuns>): Promise<OutputOf<typeof listRuns>> {
    return this.desk.runs(input);
  }
}
