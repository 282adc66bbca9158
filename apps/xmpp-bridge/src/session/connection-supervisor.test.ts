import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import type { BridgeState } from './bridge-state.ts';
import { ConnectionSupervisor } from './connection-supervisor.ts';
import type { OpenStream } from '../login/open-stream.ts';
import { SESSION_DEFAULTS } from './session.ts';

const START: BridgeState = {
  state: 'offline',
  sentence: '',
  tries: 0,
  failure: null,
  boundJid: null,
  onlineSince: null,
};

/** A stream that stands until it is closed. */
const standing = {
  jid: 'ada@x.test/r',
  socket: { destroy: () => undefined, end: () => undefined, write: () => true },
  tlsVersion: 'TLSv1.3',
  mechanism: 'SCRAM-SHA-256',
  bindingRefused: null,
  send: () => true,
  listen: () => undefined,
} as unknown as OpenStream;
const handlers = {
  onQuestion: () => undefined,
  onMessage: () => undefined,
  onPresence: () => undefined,
  onDropped: () => undefined,
};

describe('a login that is given up', () => {
  it('is no lost one: it is logged with its reason, as no warning', async () => {
    const lines: Record<string, string>[] = [];
    const supervisor = new ConnectionSupervisor(START, {
      login: () => Promise.resolve(standing),
      handlers,
      session: SESSION_DEFAULTS,
      log: createLogger({
        app: 'xmpp-bridge',
        destination: { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]) },
      }),
      onChange: () => undefined,
    });
    supervisor.start();
    await until(() => supervisor.session !== null, 20_000);
    await supervisor.stop('this replica is not the leader any more');
    expect(lines.at(-1)).toMatchObject({
      level: 'info',
      event: 'xmpp_login_closed',
      why: 'this replica is not the leader any more',
    });
  });
});

describe('a login that is lost', () => {
  it('before anybody listens was never one that stands', async () => {
    const states: string[] = [];
    let logins = 0;
    const supervisor: ConnectionSupervisor = new ConnectionSupervisor(START, {
      login: () => {
        logins += 1;
        const socket = { destroy: () => undefined, end: () => undefined, write: () => true };
        return Promise.resolve({
          jid: 'ada@x.test/r',
          socket,
          tlsVersion: 'TLSv1.3',
          mechanism: 'SCRAM-SHA-256',
          bindingRefused: null,
          send: () => true,
          listen: (listener: { onClose: (why: string) => void }) => listener.onClose('the server ended the stream'),
        } as unknown as OpenStream);
      },
      handlers,
      session: SESSION_DEFAULTS,
      log: createLogger({ app: 'xmpp-bridge', level: 'silent' }),
      onChange: ({ state }) => {
        states.push(state);
        expect(supervisor.session).toBeNull();
      },
      random: () => 0,
    });
    supervisor.start();
    await until(() => logins === 2, 20_000);
    expect(supervisor.session).toBeNull();
    await supervisor.stop();
    expect(states).not.toContain('online');
    expect(states.slice(0, 2)).toEqual(['connecting', 'offline']);
  });
});
