import 'reflect-metadata';
import { createService, serveOnBus, type Service, type ServiceOverrides } from '@switchyard/bus';
import { Bridge } from './bridge.ts';
import { BridgeHandler } from './bridge.handler.ts';
import type { BridgeConfig } from './config.ts';
import { logEvent } from './log-events.ts';

/** Wires one replica. Nothing is opened before start(). */
export function createXmppBridge(config: BridgeConfig, overrides: ServiceOverrides = {}): Service {
  return createService('xmpp-bridge', config, overrides, async ({ bus, log, metrics, health, lifecycle }) => {
    const bridge = new Bridge(config, { bus, log, metrics });
    const login = async () => {
      const { state, sentence } = bridge.status();
      const pending = bridge.undecided ? { pending: true } : {};
      return { ok: state === 'online' || state === 'disabled', detail: sentence, ...pending };
    };
    health.register('aztm login', login, { required: config.required });
    const handlers = await serveOnBus({ handlers: [BridgeHandler], parts: [bridge] }, bus, log);
    lifecycle.onStop('handlers', () => handlers.close());
    bridge.start();
    const onHangUp = (): void => {
      bridge.reload().catch((error: unknown) => logEvent(log, 'credentials_not_reloaded', { err: error }));
    };
    process.on('SIGHUP', onHangUp);
    lifecycle.onStop('SIGHUP', () => Promise.resolve(void process.removeListener('SIGHUP', onHangUp)));
    lifecycle.onStop('the AZTM login', () => bridge.stop());
    const { state, sentence } = bridge.status();
    if (state === 'disabled') logEvent(log, 'xmpp_login_disabled', { sentence });
    if (config.login && config.requireTls === false && config.login.tls !== 'off')
      logEvent(log, 'xmpp_require_tls_ignored');
    if (config.login?.validateCertificate === false) logEvent(log, 'xmpp_certificate_not_checked');
  });
}
