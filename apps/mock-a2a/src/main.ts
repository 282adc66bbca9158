import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLifecycle, createLogger, loadConfig } from '@switchyard/platform';
import { createMockA2a } from './app.ts';
import { Config } from './config.ts';
import { logEvent } from './log-events.ts';

const { natsUrl, busTrust, logLevel: level, logLevels: levels, ...config } = loadConfig(Config);
const log = createLogger({ app: 'mock-a2a', level, levels });
const lifecycle = createLifecycle({ log, drainTimeoutMs: 2_000 });
if (natsUrl === undefined) {
  const agent = await createMockA2a(config);
  lifecycle.onStop('http', () => agent.stop());
  logEvent(log, 'mock_agent_listening', { url: agent.url });
} else {
  const [{ connectBus }, { answerPeers }] = await Promise.all([import('@switchyard/bus'), import('./over-bus.ts')]);
  const dir = mkdtempSync(join(tmpdir(), 'mock-a2a-'));
  lifecycle.onStop('socket', () => Promise.resolve(rmSync(dir, { recursive: true, force: true })));
  const path = join(dir, 'agent.sock');
  const agent = await createMockA2a({ ...config, path });
  lifecycle.onStop('http', () => agent.stop());
  // In the place of a gateway: whoever answers peers also makes the streams that facts about them go to.
  const bus = await connectBus({ url: natsUrl, trust: busTrust, app: 'gateway', log });
  lifecycle.onStop('bus', () => bus.close());
  await bus.ensureStreams();
  await answerPeers(bus, path, (asked) => logEvent(log, 'mock_agent_asked', asked));
  logEvent(log, 'mock_agent_on_bus');
}
