// What the bus adds to a raw NATS request/reply, alone and at 64 in flight. Usage: ./switchyard bench bus
import { connectBus } from '@switchyard/bus';
import { performStep } from '@switchyard/contracts';
import { startServers } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { natsRate, rate } from './yardsticks.mjs';

const servers = await startServers(['nats']);
const log = createLogger({ app: 'bench', level: 'silent' });
const [asker, answerer] = await Promise.all(
  ['orchestrator', 'mcp-tool'].map((app) => connectBus({ ...servers.busOf(app), log })),
);
await answerer.answer(performStep.mcp, async (_step, call) => {
  if (call.idempotencyKey === 'frames')
    for (let n = 0; n < 5; n += 1) call.progress({ type: 'mcp.task.started', data: { n } });
  return { status: 'succeeded', output: { result: 42 } };
});
const step = {
  principal: { tenantId: 'acme', userId: 'u1', role: 'user', via: 'dev' },
  runId: 'run-1',
  stepId: 'step-mcp-001',
  threadId: 'thread-1',
  idempotencyKey: 'k',
  attempt: 1,
  task: 'x',
  call: { tool: 'calculator', arguments: { expression: '1+1' } },
  toolConstraints: { mode: 'auto', providers: [], tools: [] },
};
const show = (name, rates) =>
  console.log(
    name.padEnd(32),
    rates.map(({ concurrency, perSecond }) => `${Math.round(perSecond)}/s at ${concurrency}`).join(', '),
  );
try {
  show('raw request/reply', await natsRate(servers.nats.url));
  const requests = async (options) => {
    const once = () => asker.request(performStep.mcp, step, options);
    return [await rate(1, 2, once), await rate(64, 2, once)];
  };
  show('bus request', await requests({}));
  show('bus request with five frames', await requests({ idempotencyKey: 'frames', onProgress: () => undefined }));
} finally {
  await Promise.all([asker.close(), answerer.close()]);
  await servers.stop();
}
