import type { Logger } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import type { BridgeState } from './bridge-state.ts';
import type { BridgeConfig } from '../config.ts';
import { configuredTarget, type LoginFailure } from '../login/index.ts';

/*
 * Reports the first login as two steps of the start: connecting, and its outcome. After the second step, or a reported
 * failure, it is silent; the login log continues.
 */

type Account = NonNullable<BridgeConfig['login']>;

/** Where a login connects, as far as the configuration says. */
function wayOf(account: Account): string {
  const target = configuredTarget(account);
  return target ? `${target.host}:${target.port}, ${target.mode}` : `the server that DNS names for ${account.domain}`;
}

const OF_THE_NETWORK: readonly LoginFailure['code'][] = ['DNS', 'REFUSED', 'UNREACHABLE', 'TIMEOUT', 'CLOSED'];

/** A hint about what to check. Pure. */
export function whatToCheck({ code }: Pick<LoginFailure, 'code'>): string {
  return OF_THE_NETWORK.includes(code)
    ? 'Check AZTM_HOST, AZTM_PORT, the TLS settings (AZTM_TLS) and the network; ./switchyard doctor looks at each.'
    : 'It is a matter of the AZTM configuration or of its server, not of the services here; ./switchyard doctor looks closer.';
}

export class LoginSteps {
  #done = false;
  #failed: LoginFailure | null = null;

  readonly #account: Account;
  readonly #log: Logger;

  constructor(account: Account, log: Logger) {
    this.#account = account;
    this.#log = log;
  }

  begin(): void {
    const account = this.#account;
    const limit = `at most ${account.timeoutMs / 1_000} s (AZTM_XMPP_TIMEOUT)`;
    logEvent(this.#log, 'xmpp_login_connecting', { jid: account.jid, how: wayOf(account), limit });
  }

  take({ state, sentence, failure }: BridgeState): void {
    if (this.#done) return;
    if (state === 'online') {
      this.#done = true;
      logEvent(this.#log, 'xmpp_login_ready', { sentence });
    } else if (state === 'failed' && failure && this.#failed?.code !== failure.code) {
      this.#failed = failure;
      logEvent(this.#log, 'xmpp_login_step_failed', { why: `${failure.sentence} ${whatToCheck(failure)}` });
    }
  }
}
