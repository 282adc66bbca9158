import { describe, expect, it, jest } from '@jest/globals';
import { createLogger } from '@switchyard/platform';
import type { BridgeState } from './bridge-state.ts';
import type { ConnectionSupervisor } from './connection-supervisor.ts';
import { loginFailure, type LoginFailureCode } from '../login/failure.ts';
import { InboundLeader } from './inbound-leader.ts';

const START: BridgeState = {
  state: 'connecting',
  sentence: 'under way',
  tries: 1,
  failure: null,
  boundJid: null,
  onlineSince: null,
};
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A leader election whose lease is granted at once, and whose logins end as the test says. */
function world() {
  const told: string[] = [];
  let supervisor: { state: BridgeState; onState: (state: BridgeState) => void; tryAgain: jest.Mock } | undefined;
  const leader: InboundLeader = new InboundLeader({
    log: createLogger({ app: 'xmpp-bridge', level: 'silent' }),
    onChange: () => undefined,
    lease: (onChange) => {
      told.push('asks');
      setImmediate(() => onChange(1));
      return {
        token: 1,
        settled: true,
        standBack: () => told.push('stands back'),
        close: async () => void told.push('gives back'),
      };
    },
    supervisor: (onState) => {
      told.push('logs in');
      supervisor = { state: START, onState, tryAgain: jest.fn() };
      return {
        ...supervisor,
        get state() {
          return supervisor!.state;
        },
        session: null,
        start: () => undefined,
        stop: async () => undefined,
      } as unknown as ConnectionSupervisor;
    },
  });
  const reach = async (over: Partial<BridgeState>): Promise<void> => {
    supervisor!.state = { ...START, ...over };
    supervisor!.onState(supervisor!.state);
    await settled();
    await settled();
  };
  const fails = (code: LoginFailureCode) =>
    reach({ state: 'failed', failure: loginFailure(code, 'authenticating', `it failed: ${code}`), sentence: code });
  const begins = async (): Promise<void> => {
    leader.loginStands(true);
    await settled();
    await settled();
  };
  return { leader, told, reach, fails, begins, tryAgain: () => supervisor!.tryAgain };
}

describe('the leader election', () => {
  it('makes a leader whose login is refused for good resign, say why and wait for another configuration', async () => {
    const { leader, told, fails, begins } = world();
    await begins();
    await fails('NOT_AUTHORIZED');
    expect(told).toEqual(['asks', 'logs in', 'gives back']);
    expect(leader.view).toMatchObject({ role: 'serving', state: { state: 'failed', sentence: 'NOT_AUTHORIZED' } });
    leader.tryAgain();
    await settled();
    await settled();
    expect(told.slice(3)).toEqual(['asks', 'logs in']);
  });

  it('makes a replica campaign anew when its own login stands anew', async () => {
    const { leader, told, fails, begins } = world();
    await begins();
    await fails('CERT_EXPIRED');
    leader.loginStands(false);
    expect(leader.view.role).toBe('settling');
    await begins();
    expect(told.filter((each) => each === 'logs in')).toHaveLength(2);
  });

  it('keeps a leader through a passing failure, and retries at once when the configuration changes', async () => {
    const { leader, told, fails, reach, begins, tryAgain } = world();
    await begins();
    await fails('REFUSED');
    expect(told).toEqual(['asks', 'logs in']);
    leader.tryAgain();
    expect(tryAgain()).toHaveBeenCalledTimes(1);
    await reach({ state: 'online' });
    leader.tryAgain();
    expect(tryAgain()).toHaveBeenCalledTimes(1);
  });

  it('makes a replaced leader back off before it campaigns again', async () => {
    const { told, fails, begins } = world();
    await begins();
    await fails('REPLACED');
    expect(told).toEqual(['asks', 'logs in', 'stands back']);
  });
});
