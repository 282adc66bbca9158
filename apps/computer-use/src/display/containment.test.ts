import { describe, expect, it } from '@jest/globals';
import { commandLine, LIMITS, type Place } from './containment.ts';
import { orphans } from './reaper.ts';
import type { SessionRow } from './session-rows.ts';

const place: Place = {
  uid: 20_001,
  containment: 'namespaces',
  home: '/var/tmp/s/home',
  authority: '/var/tmp/s/xauthority',
  display: 7,
  limits: LIMITS,
};

describe('the command line of a program', () => {
  it('gives up the rights of the service before it does anything else', () => {
    const { command, args } = commandLine(place, { command: 'app', args: ['x'] });
    expect([command, ...args].slice(0, 5)).toEqual(['setpriv', '--reuid', '20001', '--regid', '20001']);
    expect(args.slice(-2)).toEqual(['app', 'x']);
  });

  it('shows it neither disk nor network of the machine, and nothing of the environment of the service', () => {
    process.env['SECRET_OF_A_TEST'] = 'secret';
    const { args, env } = commandLine(place, { command: 'app', args: [] });
    expect(args).toContain('--unshare-all');
    expect(args).not.toContain('--share-net');
    expect(args.join(' ')).not.toMatch(/--(ro-)?bind \/ /);
    expect(JSON.stringify(env)).not.toContain('secret');
    delete process.env['SECRET_OF_A_TEST'];
  });
});

describe('the reaper', () => {
  const row = (over: Partial<SessionRow>): SessionRow => {
    const owner = { pid: 1, startTime: '5' };
    return { sessionId: 's-1', host: 'h', bootId: 'now', owner, folder: '/f', processes: [], ...over };
  };

  it('takes what a dead service or an earlier boot left, and nothing else', () => {
    const living = (owner: { startTime: string }): boolean => owner.startTime === '5';
    const rows = [
      row({ sessionId: 'living' }),
      row({ sessionId: 'reused', owner: { pid: 1, startTime: '6' } }),
      row({ sessionId: 'earlier', bootId: 'before' }),
    ];
    expect(orphans(rows, 'now', living).map(({ sessionId }) => sessionId)).toEqual(['reused', 'earlier']);
  });
});
