import { describe, expect, it } from '@jest/globals';
import type { Principal } from '@switchyard/contracts';
import { MemoryAuditLog } from '../test/memory-audit-log.ts';
import { oneRun } from '../test/one-run.ts';
import { AuditService } from './audit-service.ts';
import { runRecord } from './records.ts';

const principal = (userId: string, role: 'user' | 'admin' | 'auditor', tenantId = 'acme') => ({
  tenantId,
  userId,
  role,
  via: 'dev' as const,
});

async function service() {
  const auditLog = new MemoryAuditLog();
  await auditLog.append(oneRun('A', 'run-a', 'acme', 'ada').map((e) => runRecord(e, 'ada')));
  await auditLog.append(oneRun('B', 'run-b', 'acme', 'bob').map((e) => runRecord(e, 'bob')));
  await auditLog.append(oneRun('C', 'run-c', 'other', 'ada').map((e) => runRecord(e, 'ada')));
  return new AuditService(auditLog);
}

const runsSeen = async (who: ReturnType<typeof principal>) => {
  const { records } = await (await service()).query({ principal: who, limit: 100 });
  return [...new Set(records.map((r) => r.runId))];
};

describe('audit service', () => {
  it('shows a user its own runs and nobody else’s', async () => {
    expect(await runsSeen(principal('ada', 'user'))).toEqual(['run-a']);
  });

  it.each(['admin', 'auditor'] as const)('shows an %s all of its tenant, and no other tenant', async (role) => {
    expect(await runsSeen(principal('eve', role))).toEqual(['run-a', 'run-b']);
  });

  it('shows what belongs to no tenant to operators alone, and them nothing else by that question', async () => {
    const auditLog = new MemoryAuditLog();
    const record = runRecord(oneRun('A', 'run-a', 'acme', 'ada')[0]!, 'ada');
    await auditLog.append([record, { ...record, id: 'sys.gateway.x:1', tenantId: null, userId: null, runId: null }]);
    const ask = (who: Principal) =>
      new AuditService(auditLog).query({ principal: who, scope: 'installation', limit: 9 });
    const operator = { tenantId: 'acme', userId: 'operator-eve', via: 'operator' } as const;
    const { records } = await ask({ ...operator, role: 'auditor' });
    expect(records.map(({ id }) => id)).toEqual(['sys.gateway.x:1']);
    for (const who of [principal('eve', 'admin'), principal('eve', 'auditor'), { ...operator, role: 'user' as const }])
      await expect(ask(who)).rejects.toMatchObject({ code: 'forbidden' });
  });
});
