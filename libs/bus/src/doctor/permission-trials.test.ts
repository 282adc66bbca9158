import { describe, expect, it } from '@jest/globals';
import { APPS, permissionsOf } from '@switchyard/contracts';
import { covers, trialsOf } from './permission-trials.ts';

describe('what is tried of the permissions', () => {
  it.each(APPS)('%s: every permission of its own, and something of every other', (app) => {
    const own = permissionsOf(app);
    const { must, mustNot } = trialsOf(app);
    expect(must).toHaveLength(own.publish.length + own.subscribe.length);
    for (const { verb, subject } of must.filter((trial) => trial.verb === 'publish'))
      expect({ verb, allowed: own.publish.some((pattern) => covers(pattern, subject)) }).toEqual({
        verb: 'publish',
        allowed: true,
      });
    for (const { subject } of mustNot.filter(({ verb }) => verb === 'publish'))
      expect(own.publish.filter((pattern) => covers(pattern, subject))).toEqual([]);
    expect(mustNot.some(({ subject }) => subject === '$JS.API.STREAM.DELETE.doctor')).toBe(true);
    expect(mustNot.some(({ subject }) => subject === 'run.doctor.doctor.doctor')).toBe(app !== 'orchestrator');
  });

  it('takes wildcards as the server does', () => {
    expect(covers('run.>', 'run.a.b')).toBe(true);
    expect(covers('run.>', 'run')).toBe(false);
    expect(covers('rpc.body.*', 'rpc.body.a')).toBe(true);
    expect(covers('rpc.body.*', 'rpc.body.a.b')).toBe(false);
    expect(covers('rpc.body', 'rpc.body.a')).toBe(false);
  });
});
