import { describe, expect, it } from '@jest/globals';
import { AuditRecord } from '@switchyard/contracts';
import { oneRun } from '../test/one-run.ts';
import { runRecord, systemRecord } from './records.ts';

const denied = {
  type: 'tools.access.denied' as const,
  data: { tenant_id: 'acme', user_id: 'ada', tool: 'send', reason: 'role', run_id: 'run-1' },
  app: 'mcp-tool' as const,
  instance: 'i1',
  seq: 7,
  ts: 1_700_000_000_000,
};

describe('audit records', () => {
  it('fit the contract, for every kind of fact', () => {
    for (const event of oneRun()) expect(AuditRecord.safeParse(runRecord(event, 'ada')).error).toBeUndefined();
    expect(AuditRecord.safeParse(systemRecord(denied)).error).toBeUndefined();
  });

  it('have the id under which the fact is known everywhere', () => {
    expect(runRecord(oneRun()[3]!, null).id).toBe('run-1:4');
    expect(systemRecord(denied).id).toBe('sys.mcp-tool.i1:7');
  });

  it('of a system fact name whom it was about, and nobody where it does not say', () => {
    expect(systemRecord(denied)).toMatchObject({ tenantId: 'acme', userId: 'ada', runId: 'run-1', seq: 7 });
    const up = { ...denied, type: 'gateway.service.started' as const, data: { version: '1', identity_mode: 'dev' } };
    expect(systemRecord(up)).toMatchObject({ tenantId: null, userId: null, runId: null });
  });
});
