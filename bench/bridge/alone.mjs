// A bridge without the message bus: HTTP exchanges go in and come out in this process, and everything between them and
// the socket is the code of the service. Its lease and its records are kept by a bus in memory; it drops its facts,
// since publishing them is work of the bus.
import { createMemoryBus } from '@switchyard/bus';
import { createLogger, createMetrics, parseConfig } from '@switchyard/platform';
import { Bridge } from '../../apps/xmpp-bridge/dist/bridge.js';
import { Config } from '../../apps/xmpp-bridge/dist/config.js';

/** Resolves when the bridge is logged in and, if others send it requests, serves. */
export async function openBridge({ user, password, port, ca }, env, askGateway) {
  const config = parseConfig(Config, {
    NATS_URL: 'nats://unused.invalid',
    AZTM_JID: `${user}@localhost`,
    AZTM_PASSWORD: password,
    AZTM_HOST: '127.0.0.1',
    AZTM_PORT: String(port),
    AZTM_CA_FILE: ca,
    ...env,
  });
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  const bus = createMemoryBus().connect('xmpp-bridge');
  bus.publishSystem = () => Promise.resolve();
  const log = createLogger({ app: 'bench', level: 'silent' });
  const bridge = new Bridge(config.value, { bus, log, metrics: createMetrics('bench'), askGateway });
  bridge.start();
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await new Promise((r) => setTimeout(r, 50))) {
    const { state, serving } = bridge.status();
    if (state === 'online' && serving !== false) return bridge;
  }
  throw new Error(`the bridge of ${user} did not get online: ${bridge.status().sentence}`);
}
