import { describe, expect, it } from '@jest/globals';
import { createLogger, parseConfig } from '@switchyard/platform';
import { type BridgeEvent, type BridgeState, evolveBridge, initialState, isUndecided } from './bridge-state.ts';
import { Config } from '../config.ts';
import { loginFailure } from '../login/failure.ts';
import { LoginSteps, whatToCheck } from './login-steps.ts';

const ENV = { BUS_TRUST: 'open', AZTM_USERID: 'agent', AZTM_DOMAIN: 'example.org', AZTM_PASSWORD: 'canary-31415' };

function world(env: Record<string, string> = {}) {
  const parsed = parseConfig(Config, { ...ENV, ...env });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const lines: { level: string; message: string }[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as { level: string; message: string });
  const steps = new LoginSteps(parsed.value.login!, createLogger({ app: 'test', destination: { write } }));
  let state: BridgeState = initialState(parsed.value);
  const happen = (...events: BridgeEvent[]): BridgeState => {
    for (const event of events) steps.take((state = evolveBridge(state, event)));
    return state;
  };
  return { steps, happen, said: () => lines.map(({ level, message }) => `${level} ${message}`) };
}

const trying = { type: 'trying' } as const;
const online = { type: 'online', jid: 'agent@example.org/r', how: 'TLSv1.3, SCRAM-SHA-256', now: 1 } as const;
const failed = (code: 'REFUSED' | 'NOT_AUTHORIZED') =>
  ({ type: 'failed', failure: loginFailure(code, 'connecting', 'Nothing listens there.') }) as const;

describe('the steps of the first login', () => {
  it('say where it leads to and how long it may take, then what came of it', () => {
    const { steps, happen, said } = world({
      AZTM_HOST: 'chat.example.org',
      AZTM_XMPP_TIMEOUT: '60',
      AZTM_TLS: 'starttls',
    });
    steps.begin();
    happen(
      trying,
      { type: 'reached', step: 'connecting' },
      online,
      { type: 'closed', why: 'x', now: 2 },
      trying,
      online,
    );
    expect(said()).toEqual([
      'info Step 1/2: connecting to the AZTM transport as agent@example.org (chat.example.org:5222, starttls; at most 60 s (AZTM_XMPP_TIMEOUT)) …',
      'info Step 2/2: The AZTM login stands: online as agent@example.org/r (TLSv1.3, SCRAM-SHA-256). Requests travel over it from now on.',
    ]);
  });

  it('say why it failed, once for each reason, and what to look at', () => {
    const { steps, happen, said } = world();
    steps.begin();
    happen(trying, failed('REFUSED'), trying, failed('REFUSED'), trying, failed('NOT_AUTHORIZED'), trying, online);
    expect(said()).toEqual([
      expect.stringContaining('the server that DNS names for example.org'),
      expect.stringMatching(
        /^error Step 1\/2 failed: Nothing listens there\. Check AZTM_HOST, AZTM_PORT, .*AZTM_TLS.* network/,
      ),
      expect.stringMatching(/^error Step 1\/2 failed: .*not of the services here/),
      expect.stringContaining('info Step 2/2: The AZTM login stands'),
    ]);
    expect(whatToCheck({ code: 'TIMEOUT' })).toContain('AZTM_PORT');
  });
});

describe('a login that is tried again', () => {
  it('says why the last try failed, until one succeeds', () => {
    const { happen } = world();
    expect(isUndecided(happen())).toBe(true);
    expect(isUndecided(happen(trying))).toBe(true);
    const again = happen(failed('REFUSED'), trying, { type: 'reached', step: 'connecting' });
    expect(again.sentence).toBe('Nothing listens there. It is tried again now: connecting.');
    expect(isUndecided(again)).toBe(false);
    expect(happen(online).sentence).toMatch(/^The AZTM login stands/);
  });
});
