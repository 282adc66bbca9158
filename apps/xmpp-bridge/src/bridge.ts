import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { XmppStatus } from '@switchyard/contracts';
import type { Logger, Metrics } from '@switchyard/platform';
import { initialState, toStatus } from './bridge-state.ts';
import type { BridgeConfig } from './config.ts';
import { Keeper } from './keeper.ts';
import { login } from './login.ts';
import { SESSION_DEFAULTS } from './session.ts';

export interface BridgeParts {
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Owns the AZTM login: the one holder of the account's password. */
export class Bridge {
  readonly #keeper: Keeper;

  constructor(
    private readonly config: BridgeConfig,
    parts: BridgeParts,
  ) {
    const { log, metrics } = parts;
    const dropped = metrics.counter('xmpp_replies_dropped_total', 'Answers that nobody waited for', ['why']);
    metrics.gauge('xmpp_online', 'Whether the AZTM login stands', [], () =>
      this.#keeper.state.state === 'online' ? 1 : 0,
    );
    const changes = metrics.counter('xmpp_login_changes_total', 'Changes of the state of the login', ['state']);
    let last = initialState(config).state;
    this.#keeper = new Keeper(initialState(config), {
      // Each instance has a resource of its own, so that replies come back to whoever asked.
      login: (signal, onStep) => login(loginOptions(config), signal, onStep),
      handlers: {
        onQuestion: () => undefined,
        onMessage: () => undefined,
        onPresence: () => undefined,
        onDropped: (outcome, from) => {
          dropped.inc({ why: outcome });
          if (outcome === 'spoofed')
            log.warn({ from: from?.slice(0, 200) }, 'an answer came from somebody who was not asked');
        },
      },
      session: SESSION_DEFAULTS,
      log,
      onChange: ({ state }) => {
        if (state !== last) changes.inc({ state });
        last = state;
      },
    });
  }

  start(): void {
    this.#keeper.start();
  }

  stop(): Promise<void> {
    return this.#keeper.stop();
  }

  status(): XmppStatus {
    return toStatus(this.config, this.#keeper.state);
  }
}

function loginOptions({ login: account }: BridgeConfig) {
  if (!account) throw new Error('no account');
  const { caFile, validateCertificate, ...rest } = account;
  const ca = caFile === undefined ? undefined : `${rootCertificates.join('\n')}\n${readFileSync(caFile, 'utf8')}`;
  return { ...rest, validateCertificate, ca, resource: `${account.resource}.${randomBytes(5).toString('hex')}` };
}
