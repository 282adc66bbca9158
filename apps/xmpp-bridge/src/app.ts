import 'reflect-metadata';
import { createService, serveOnBus, type Service, type ServiceOverrides } from '@switchyard/bus';
import { Bridge } from './bridge.ts';
import type { BridgeConfig } from './config.ts';
import { XmppBridgeModule } from './xmpp-bridge.module.ts';

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
    const handlers = await serveOnBus(XmppBridgeModule.with(bridge), bus, log);
    lifecycle.onStop('handlers', () => handlers.close());
    bridge.start();
    const onHangUp = (): void => {
      bridge.reload().catch((error: unknown) => log.error({ err: error }, 'the credentials were not read again'));
    };
    process.on('SIGHUP', onHangUp);
    lifecycle.onStop('SIGHUP', () => Promise.resolve(void process.removeListener('SIGHUP', onHangUp)));
    lifecycle.onStop('the AZTM login', () => bridge.stop());
    const { state, sentence } = bridge.status();
    if (state === 'disabled') log.info(sentence);
    if (config.login && config.requireTls === false && config.login.tls !== 'off')
      log.info('AZTM_REQUIRE_TLS=false changes nothing: a login here never falls back to clear text');
    if (config.login?.validateCertificate === false)
      log.warn('AZTM_VALIDATE_CERT=false: anyone on the way to the XMPP server can pose as it and read what is sent');
  });
}
