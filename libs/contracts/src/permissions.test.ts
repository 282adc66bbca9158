import { describe, expect, it } from '@jest/globals';
import { APPS } from './base/define.ts';
import {
  abortSubject,
  allPermissions,
  CONSUMERS,
  permissionsOf,
  SYSTEM_PRODUCERS,
  watcherPermissions,
} from './permissions.ts';
import { REQUESTS } from './registry.ts';
import { SYSTEM_EVENTS } from './events/system-events.ts';

const others = (app: string) => allPermissions().filter((p) => p.speaker !== app);

describe('NATS permissions', () => {
  it('let nobody but the orchestrator claim a fact of a run, speak for the model or wake a run', () => {
    for (const prefix of ['run.', 'live.', 'cmd.']) {
      expect(permissionsOf('orchestrator').publish.some((s) => s.startsWith(prefix))).toBe(true);
      for (const { permissions } of others('orchestrator')) {
        expect(permissions.publish.filter((s) => s.startsWith(prefix))).toEqual([]);
      }
    }
  });

  it('give every system fact to exactly one producer', () => {
    for (const { type } of SYSTEM_EVENTS) {
      const token = type.split('.')[0] as keyof typeof SYSTEM_PRODUCERS;
      const claimants = allPermissions().filter((p) => p.permissions.publish.includes(`sys.${token}.>`));
      expect(claimants.map((p) => p.speaker)).toEqual([SYSTEM_PRODUCERS[token]]);
    }
  });

  it('let an app hear requests only in its own queue group and replies only in its own inbox', () => {
    for (const { speaker, permissions } of allPermissions()) {
      for (const subject of permissions.subscribe) {
        if (subject.startsWith('rpc.')) expect(subject.endsWith(` ${speaker}`)).toBe(true);
        if (subject.startsWith('_INBOX')) expect(subject).toBe(`_INBOX.${speaker}.>`);
        expect(['>', '*', '_INBOX.>']).not.toContain(subject);
      }
    }
  });

  it('let only the owner of a durable consumer fetch from it or acknowledge for it', () => {
    for (const { speaker, permissions } of allPermissions()) {
      if (speaker === 'watcher') continue;
      const consumers = permissions.publish.filter((s) => /MSG\.NEXT|ACK/.test(s));
      for (const subject of consumers) expect(subject).toContain(`.${speaker}`);
    }
  });

  it('keep the durable consumers of the services from every watcher', () => {
    for (const tenants of ['all', ['acme']] as const) {
      const { publish, publishDeny } = watcherPermissions(tenants);
      for (const { app, stream } of CONSUMERS) {
        for (const verb of ['CREATE', 'MSG.NEXT', 'INFO']) {
          const subject = `$JS.API.CONSUMER.${verb}.${stream}.${app}`;
          if (publish.some((allowed) => allowed.startsWith(`$JS.API.CONSUMER.${verb}.${stream}.*`)))
            expect(publishDeny).toContain(subject);
        }
      }
    }
  });

  it('let nobody delete or purge a stream, and only the orchestrator change one', () => {
    for (const { speaker, permissions } of allPermissions()) {
      expect(permissions.publish.filter((s) => /STREAM\.(DELETE|PURGE|MSG\.DELETE)|^\$JS\.API\.>|^>/.test(s))).toEqual(
        [],
      );
      const changes = permissions.publish.filter((s) => s.startsWith('$JS.API.STREAM.UPDATE'));
      expect(changes.length > 0).toBe(speaker === 'orchestrator');
    }
  });

  it('let nobody but the bridges read or write what they share', () => {
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
      for (const asker of r.askedBy) expect(permissionsOf(answerer).publish).toContain(`_INBOX.${asker}.>`);
    }
  });

  it('let an operator ask, and nothing else', () => {
    const { publish, subscribe } = permissionsOf('operator');
    expect(publish.filter((s) => !s.startsWith('rpc.') && !s.startsWith('ctl.'))).toEqual([]);
    expect(subscribe).toEqual(['_INBOX.operator.>']);
  });

  it('let an app publish to the inboxes of those that may ask it, and to no others', () => {
    for (const app of APPS) {
      const askers = new Set(REQUESTS.filter((r) => r.answeredBy === app).flatMap((r) => r.askedBy));
      const inboxes = permissionsOf(app).publish.filter((s) => s.startsWith('_INBOX'));
      expect(inboxes).toEqual([...askers].map((asker) => `_INBOX.${asker}.>`).sort());
    }
  });

  it('let a watcher of some tenants hear these alone, and read no stream but by a filter for them', () => {
    const { publish, subscribe } = watcherPermissions(['acme', 'beta']);
    expect(subscribe).toEqual(['_INBOX.watcher.>', 'live.acme.>', 'live.beta.>', 'run.acme.>', 'run.beta.>']);
    const makes = publish.filter((s) => s.includes('CONSUMER.CREATE'));
    expect(makes).toEqual(['acme', 'beta'].map((t) => `$JS.API.CONSUMER.CREATE.RUNS.*.run.${t}.>`));
    expect(publish.filter((s) => /STREAM|SYSTEM|sys\./.test(s))).toEqual([]);
  });

  it('let no watcher ask, answer or claim anything', () => {
    for (const tenants of ['all', ['acme']] as const) {
      for (const subject of watcherPermissions(tenants).publish) expect(subject).toMatch(/^\$JS\.(API|FC)\./);
    }
  });
});
