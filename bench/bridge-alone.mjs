// A bridge without the message bus on its way: HTTP exchanges go in and come out in this process, everything between
// them and the socket is what the service runs. Its seat and its records are those of a bus in memory;
// the facts that it tells are dropped, since to publish them is work of the bus.
import { createMemoryBus } from '@switchyard/bus';
import { createLogger, createMetrics, parseConfig } from '@switchyard/platform';
import { Bridge } from '../apps/xmpp-bridge/dist/bridge.js';
import { Config } from '../apps/xmpp-bridge/dist/config.js';

/** Resolves when it is logged in and, where it is asked by others, serves. */
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
