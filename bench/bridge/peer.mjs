// The far end of `bench bridge`, a process of its own: it answers what peers ask in the place of a gateway, is a bridge
// without a bus to those who ask that one, and echoes raw IQs over a session of its own. Speaks with its parent by
// messages; ends when that does.
import { connectBus } from '@switchyard/bus';
import { httpRequest } from '@switchyard/contracts';
import { createLogger } from '@switchyard/platform';
import { xml } from '@xmpp/client';
import { openBridge } from './alone.mjs';
import { openSession } from './session.mjs';

const { access, login, alone, policy } = JSON.parse(process.argv[2]);
const log = createLogger({ app: 'bench', level: 'silent' });
const bus = await connectBus({ ...access, log });

/** Events at a steady pace, each with the time at which it was written. */
async function events(call, perSecond, count) {
  const head = { status: 200, headers: [['content-type', 'text/event-stream']] };
  call.progress({ head });
  const began = performance.now();
  for (let n = 0; n < count && !call.signal.aborted; n += 1) {
    const wait = began + (n * 1_000) / perSecond - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const data = `data: ${performance.timeOrigin + performance.now()} ${'x'.repeat(140)}\n\n`;
    call.progress({ chunk: Buffer.from(data).toString('base64') });
  }
  return { ...head, body: '' };
}

await bus.answer(
  httpRequest,
  async ({ resource, body }, call) => {
    const asked = new URL(resource, 'http://bench').searchParams;
    if (asked.has('perSecond')) return events(call, Number(asked.get('perSecond')), Number(asked.get('count')));
    return { status: 200, headers: [['content-type', 'application/json']], body };
  },
  { maxInFlight: 256 },
);
const session = await openSession(login, 'echo', (iq) => {
  const text = iq.getChildText('echo', 'urn:bench');
  return text === null ? undefined : Promise.resolve(xml('echo', { xmlns: 'urn:bench' }, text));
});
await openBridge(alone, { AZTM_PEER_POLICY: policy }, async ({ request: { body } }) => ({
  response: { status: 200, headers: [['content-type', 'application/json']], body },
}));
process.send({ jid: session.jid });
process.once('disconnect', () => process.exit(0));
