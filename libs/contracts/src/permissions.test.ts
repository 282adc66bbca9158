import { describe, expect, it } from '@jest/globals';
import { APPS } from './define.ts';
import { abortSubject, allPermissions, permissionsOf, SYSTEM_PRODUCERS } from './permissions.ts';
import { REQUESTS } from './registry.ts';
import { SYSTEM_EVENTS } from './system-events.ts';

const others = (app: string) => allPermissions().filter((p) => p.speaker !== app);

describe('NATS permissions', () => {
  it('P1: let nobody but the orchestrator claim a fact of a run, speak for the model or wake a run', () => {
    for (const prefix of ['run.', 'live.', 'cmd.']) {
      expect(permissionsOf('orchestrator').publish.some((s) => s.startsWith(prefix))).toBe(true);
      for (const { permissions } of others('orchestrator')) {
        expect(permissions.publish.filter((s) => s.startsWith(prefix))).toEqual([]);
      }
    }
  });

  it('P2: give every system fact to exactly one producer', () => {
    for (const { type } of SYSTEM_EVENTS) {
      const token = type.split('.')[0] as keyof typeof SYSTEM_PRODUCERS;
      const claimants = allPermissions().filter((p) => p.permissions.publish.includes(`sys.${token}.>`));
      expect(claimants.map((p) => p.speaker)).toEqual([SYSTEM_PRODUCERS[token]]);
    }
  });

  it('P3: let an app hear requests only in its own queue group and replies only in its own inbox', () => {
    for (const { speaker, permissions } of allPermissions()) {
      for (const subject of permissions.subscribe) {
        if (subject.startsWith('rpc.')) expect(subject.endsWith(` ${speaker}`)).toBe(true);
        // A person's stock client makes up inboxes of two or three tokens; replies to services have more.
        const own = [`_INBOX.${speaker}.>`, ...(speaker === 'operator' ? ['_INBOX.*', '_INBOX.*.*'] : [])];
        if (subject.startsWith('_INBOX')) expect(own).toContain(subject);
        expect(['>', '*', '_INBOX.>']).not.toContain(subject);
      }
    }
  });

  it('P4: let only the owner of a durable consumer fetch from it or acknowledge for it', () => {
    for (const { speaker, permissions } of allPermissions()) {
      const consumers = permissions.publish.filter((s) => /MSG\.NEXT|ACK/.test(s));
      for (const subject of consumers) expect(subject).toContain(`.${speaker}`);
    }
  });

  it('P5: let nobody delete or purge a stream, and only the orchestrator change one', () => {
    for (const { speaker, permissions } of allPermissions()) {
      expect(permissions.publish.filter((s) => /STREAM\.(DELETE|PURGE|MSG\.DELETE)|^\$JS\.API\.>|^>/.test(s))).toEqual(
        [],
      );
      const changes = permissions.publish.filter((s) => s.startsWith('$JS.API.STREAM.UPDATE'));
      expect(changes.length > 0).toBe(speaker === 'orchestrator');
    }
  });

  it('P6: let nobody but the bridges read or write what they share', () => {
    for (const { speaker, permissions } of allPermissions()) {
      const leases = permissions.publish.filter((s) => /KV|MSG\.GET/.test(s));
      const verbs = ['CREATE', 'INFO', 'MSG.GET'];
      const own = verbs.flatMap((verb) => ['leases', 'requests'].map((name) => `$JS.API.STREAM.${verb}.KV_${name}`));
      const entries = ['$KV.leases.xmpp-bridge.>', '$KV.requests.xmpp-bridge.>'];
      expect(leases).toEqual(speaker === 'xmpp-bridge' ? [...own, ...entries] : []);
    }
  });

  it('cover every request at both ends, and the way to abort it', () => {
    for (const r of REQUESTS) {
      for (const asker of r.askedBy) {
        expect(permissionsOf(asker).publish).toEqual(expect.arrayContaining([r.subject, abortSubject(r.answeredBy)]));
      }
      const answerer = APPS.find((app) => app === r.answeredBy);
      if (answerer === undefined) continue;
      expect(permissionsOf(answerer).subscribe).toContain(`${r.subject} ${answerer}`);
      expect(permissionsOf(answerer).allowResponses).toBeDefined();
    }
  });

  it('let an operator watch and ask, and nothing else', () => {
    const { publish, allowResponses } = permissionsOf('operator');
    expect(publish.filter((s) => !s.startsWith('rpc.') && !s.startsWith('ctl.'))).toEqual([]);
    expect(allowResponses).toBeUndefined();
  });
});
