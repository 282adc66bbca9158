import { setTimeout as sleep } from 'node:timers/promises';
import { listTools, REQUESTS, type RequestContract } from '@switchyard/contracts';
import { headers as natsHeaders, type NatsConnection } from 'nats';
import type { Attack, Batch } from '../kit/index.ts';
import { BusLogin, NOBODY } from '../bus/index.ts';
import { EYE } from '../stack/index.ts';

/*
 * The asker chooses the reply subject. A service that answers there without checking it lends the asker its own rights.
 */

const name = 'bus-replies';
/** An answer that has not arrived after this time does not arrive. */
const ARRIVES_WITHIN_MS = 1_500;
const QUESTIONS = 3;
const STREAMS = ['RUNS', 'SYSTEM', 'COMMANDS'];

/** Subjects to which no answer may go. They name streams that do not exist, so that the attack harms nothing. */
const TARGETS = [
  '$JS.API.STREAM.PURGE.SYSTEM',
  '$JS.API.STREAM.PURGE.ATTACKED',
  '$JS.API.STREAM.DELETE.ATTACKED',
  '$JS.API.STREAM.CREATE.ATTACKED',
  '$JS.API.CONSUMER.DELETE.ATTACKED.audit',
  '$KV.leases.xmpp-bridge.attacked',
  '$KV.requests.xmpp-bridge.attacked',
  'run.acme.attacked.mcp.tool.execution',
  'run.acme.attacked.orchestrator.task.completed',
  'sys.tools.catalog.attacked',
  'sys.gateway.auth.attacked',
  'live.acme.attacked.delta',
  'cmd.run.acme.attacked',
  'ctl.mcp-tool.abort',
  'rpc.tools.attacked',
  '$SYS.REQ.SERVER.ATTACKED',
  '_INBOX',
  '_INBOXES.attacked',
  'attacked',
];

function questionsOf(login: string): RequestContract[] {
  const asked = REQUESTS.filter(
    ({ askedBy, subject }) => (askedBy as readonly string[]).includes(login) && !subject.includes('*'),
  );
  // One contract of each service that answers, so that the attack tries each of them.
  const answerers = [...new Set(asked.map(({ answeredBy }) => answeredBy))].filter((app) => app !== 'computer-use');
  // The contract of mcp-tool that the mutant `any-reply` answers.
  const asksOf = (app: string) => asked.filter(({ answeredBy }) => answeredBy === app);
  const first = (app: string) =>
    asksOf(app).find((contract) => contract.subject === listTools.subject) ?? asksOf(app)[0]!;
  return answerers.map(first).slice(0, QUESTIONS + 1);
}

async function ask(bus: BusLogin, contract: RequestContract, body: string): Promise<void> {
  for (const reply of TARGETS) {
    const headers = natsHeaders();
    headers.set('progress', '1');
    bus.connection.publish(contract.subject, body, { reply, headers });
  }
  await bus.settled();
}

/** Messages of each stream. */
async function counts(eye: NatsConnection): Promise<ReadonlyMap<string, number>> {
  const manager = await eye.jetstreamManager();
  const infos = await Promise.all(STREAMS.map((stream) => manager.streams.info(stream)));
  return new Map(infos.map(({ config, state }) => [config.name, state.last_seq]));
}

async function run({ stack, findings }: Attack): Promise<void> {
  const eye = (await BusLogin.open(stack, EYE))!;
  const arrived = new Map<string, number>();
  for (const target of TARGETS)
    eye.connection.subscribe(target, {
      callback: (_error, { subject, data }) => {
        // Ignores the questions of this batch and the aborts of honest callers.
        if (subject.startsWith('ctl.') && data.length < 200 && data.length > 2) return;
        arrived.set(subject, (arrived.get(subject) ?? 0) + 1);
      },
    });
  await eye.settled();
  for (const login of [NOBODY, ...stack.logins.keys()]) {
    if (login === EYE) continue;
    const bus = await BusLogin.open(stack, login);
    if (!bus) continue;
    const questions = login === NOBODY ? questionsOf('operator') : questionsOf(login);
    for (const contract of questions) {
      findings.tried(name, TARGETS.length);
      // An answer or a refusal: a refusal is sent to the reply subject too.
      await ask(bus, contract, '{"principal":{"tenantId":"evil","userId":"mallory","role":"user","via":"dev"}}');
      await ask(bus, contract, 'no JSON');
    }
    await sleep(ARRIVES_WITHIN_MS);
    for (const [target, times] of arrived) {
      const what = `what was answered arrived at ${target}, ${times} times`;
      findings.add({ batch: name, case: `${login} asks ${questions.map(({ subject }) => subject).join(', ')}`, what });
    }
    arrived.clear();
    await bus.close();
  }
  const info = await counts(eye.connection).catch((error: Error) => error.message);
  if (typeof info === 'string') findings.add({ batch: name, case: 'streams', what: `a stream is gone: ${info}` });
  await eye.close();
}

export const busReplies: Batch = {
  name,
  about: 'requests whose reply subject is no inbox: purges, leases, forged facts, wake-ups, aborts',
  run,
};
