import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack, Batch } from '../kit/index.ts';
import { BusLogin } from '../bus/index.ts';
import { EYE } from '../stack/index.ts';

/*
 * JetStream delivers copies of stored messages, with its own rights, to whatever subject the owner of a consumer names.
 * The server cannot prevent such a copy. This batch checks that a copy has no effect: nothing is purged, deleted or
 * stored again, no lease changes its owner, no service is woken, and no service acts on it.
 */

const name = 'bus-copies';
const DELIVERED_WITHIN_MS = 1_500;
const CREATED_WITHIN_MS = 1_000;
const STREAMS = ['RUNS', 'SYSTEM'] as const;

const TARGETS: readonly string[] = [
  '$JS.API.STREAM.PURGE.SYSTEM',
  '$JS.API.STREAM.PURGE.RUNS',
  '$JS.API.STREAM.DELETE.KV_requests',
  '$JS.API.CONSUMER.DELETE.RUNS.audit',
  '$JS.API.CONSUMER.DELETE.COMMANDS.orchestrator',
  '$JS.ACK.RUNS.audit.1.1.1.1.1',
  '$KV.leases.xmpp-bridge.attack',
  'cmd.run.acme.attack',
  'run.acme.attack.mcp.tool.execution',
  'sys.tools.catalog.changed',
  'live.acme.attack.delta',
  'rpc.tools.list',
  'ctl.mcp-tool.abort',
];

/** Names of the consumers that are made here. */
const OURS = /^attack-\d+$/;

interface State {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly consumers: number;
}

/** What is stored, by stream, those of buckets among them. */
async function stateOf(eye: BusLogin): Promise<ReadonlyMap<string, State>> {
  const manager = await eye.connection.jetstreamManager();
  const states = new Map<string, State>();
  for await (const { config, state } of manager.streams.list()) {
    const consumers = (await manager.consumers.list(config.name).next()).filter((one) => !OURS.test(one.name)).length;
    states.set(config.name, { firstSeq: state.first_seq, lastSeq: state.last_seq, consumers });
  }
  return states;
}

async function makeConsumer(
  bus: BusLogin,
  stream: string,
  [index, target]: readonly [number, string],
): Promise<boolean> {
  const consumer = `attack-${index}`;
  const body = JSON.stringify({
    stream_name: stream,
    config: {
      name: consumer,
      deliver_subject: target,
      deliver_policy: 'all',
      ack_policy: 'none',
      replay_policy: 'instant',
      inactive_threshold: 5_000_000_000,
    },
  });
  const subject = `$JS.API.CONSUMER.CREATE.${stream}.${consumer}`;
  const answer = await bus.request(subject, new TextEncoder().encode(body), {}, CREATED_WITHIN_MS);
  return answer !== undefined && !answer.noResponders && !answer.text.includes('"error"');
}

async function forget(eye: BusLogin, stream: string): Promise<void> {
  const manager = await eye.connection.jetstreamManager();
  for (const { name: consumer } of await manager.consumers.list(stream).next())
    if (OURS.test(consumer)) await manager.consumers.delete(stream, consumer).catch(() => false); // it may be gone by itself
}

function harm(before: ReadonlyMap<string, State>, after: ReadonlyMap<string, State>): string[] {
  return [...before].flatMap(([stream, was]) => {
    const is = after.get(stream);
    if (!is) return [`the stream ${stream} is gone`];
    // The owner of a work queue may remove what waits in it.
    if (is.firstSeq !== was.firstSeq && stream !== 'COMMANDS') return [`${stream} was purged`];
    if (is.consumers < was.consumers) return [`a consumer of ${stream} is gone`];
    return is.lastSeq === was.lastSeq ? [] : [`${is.lastSeq - was.lastSeq} copies were stored in ${stream}`];
  });
}

export const busCopies: Batch = {
  name,
  about: 'consumers whose copies go to subjects of the server, of leases, wake-ups, facts and requests',
  run: async ({ stack, findings }: Attack) => {
    const eye = (await BusLogin.open(stack, EYE))!;
    for (const login of stack.logins.keys()) {
      const bus = login === EYE ? undefined : await BusLogin.open(stack, login);
      if (!bus) continue;
      for (const stream of STREAMS) {
        findings.tried(name, TARGETS.length);
        const before = await stateOf(eye);
        const made = await Promise.all([...TARGETS.entries()].map((target) => makeConsumer(bus, stream, target)));
        if (!made.includes(true)) continue;
        await sleep(DELIVERED_WITHIN_MS);
        const targets = TARGETS.filter((_target, index) => made[index]).join(', ');
        for (const what of harm(before, await stateOf(eye)))
          findings.add({ batch: name, case: `${login}: copies of ${stream}`, what, sent: targets });
        await forget(eye, stream);
      }
      await bus.close();
    }
    await eye.close();
  },
};
