import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type AppName,
  callTool,
  cancelRun,
  getRun,
  listTools,
  OPERATOR_USER_PREFIX,
  type OutputOf,
  type Principal,
  readRunEvents,
  type RunEvent,
  subjects,
} from '@switchyard/contracts';
import { NEWEST_NATS_VERSION, newestNatsServer } from '@switchyard/local-servers';
import { until } from '@switchyard/testing';
import { createInbox, headers, type NatsConnection } from 'nats';
import { type Bus, type ConsumedMessage, probeBus } from '../src/index.ts';
import { type Border, refusedOf, SERVICES, startBorder } from './border.ts';
import { runOf } from './fixtures.ts';

/* Somebody with the login of a service, of a watcher or of an operator, on the bus as users get it. */

const ada: Principal = { tenantId: 'acme', userId: 'ada', role: 'user', via: 'jwt' };
const asked = { principal: ada };
const FORGED = subjects.runEvent('acme', 'forged', 'orchestrator.task.completed');
/** Where an answer must never go. */
const TARGETS = [
  '$JS.API.STREAM.PURGE.RUNS',
  '$JS.API.STREAM.PURGE.SYSTEM',
  '$JS.API.STREAM.DELETE.RUNS',
  '$KV.leases.xmpp-bridge.inbound',
  FORGED,
  'sys.tools.catalog.changed',
  'live.acme.forged.delta',
  'cmd.run.acme.forged',
  'rpc.runs.cancel',
  '_INBOX.gateway.forged',
];
/** What of these is a service's own to say. */
const OWN: Readonly<Partial<Record<AppName, RegExp>>> = {
  orchestrator: /^(run|live|cmd)\./,
  'mcp-tool': /^sys\.tools\./,
  'xmpp-bridge': /^\$KV\.leases\.xmpp-bridge\./,
};
/** Everybody's answers, in all the ways that wildcards allow. */
const WIDE = ['>', '*.>', '_INBOX.>', '_INBOX.*', '_INBOX.*.*', '_INBOX.*.>', '_INBOX.*.*.>', '_INBOX.*.*.*'];

const versions: readonly (readonly [string, () => Promise<string | undefined>])[] = [
  ['of the system', () => Promise.resolve(undefined)],
  [NEWEST_NATS_VERSION, newestNatsServer],
];

describe.each(versions)('the bus as a border, on nats-server %s', (name, binaryOf) => {
  let border: Border | undefined;
  let orchestrator: Bus;
  let gateway: Bus;
  let tools: Bus;
  const events = [
    ...runOf('r-acme', 3),
    ...runOf('r-beta', 3).map((event): RunEvent => ({ ...event, tenantId: 'beta' })),
  ];

  /** A test that is left out, and says so, where this server cannot be had. */
  const tried = (promise: string, test: (at: Border) => Promise<void>): void => {
    it(promise, async () => {
      if (border) await test(border);
    });
  };
  const messagesIn = async (stream: 'RUNS' | 'SYSTEM' | 'COMMANDS') =>
    (await orchestrator.streamPosition(stream)).lastSeq;

  beforeAll(async () => {
    const binary = await binaryOf();
    if (name === NEWEST_NATS_VERSION && binary === undefined) {
      process.stderr.write(`left out: nats-server ${name} cannot be built here (it needs Go and its module proxy)\n`);
      return;
    }
    border = await startBorder(binary);
    [orchestrator, gateway, tools] = await Promise.all([
      border.bus('orchestrator'),
      border.bus('gateway'),
      border.bus('mcp-tool'),
    ]);
    await orchestrator.ensureStreams();
    await orchestrator.publishEvents(events);
    await orchestrator.answer(getRun, async () => Promise.reject(new Error('not asked here')));
    await orchestrator.answer(cancelRun, async ({ runId }) => ({ runId, phase: 'ended' as const, accepted: true }));
    await orchestrator.answer(readRunEvents, async () => ({ events: [], lastSeq: 3, ended: true, firstSeq: 1 }));
    await tools.answer(listTools, async () => ({ tools: [] }));
    await tools.answer(callTool, async (_input, call): Promise<OutputOf<typeof callTool>> => {
      call.progress({ half: 'way' });
      return { status: 'succeeded' as const, output: call.caller?.person ?? call.caller?.asker };
    });
  }, 600_000);
  afterAll(() => border?.stop());

  tried('lets nobody in without a login, or with a wrong one', async (at) => {
    const { connect } = await import('nats');
    for (const login of [{}, { user: 'gateway', pass: 'wrong' }, { user: 'admin' }, { token: 'x' }])
      await expect(connect({ servers: at.address, reconnect: false, ...login })).rejects.toThrow(/authorization/i);
  });

  tried('answers no question whose reply is anything but an inbox of one that may ask', async (at) => {
    const before = [await messagesIn('RUNS'), await messagesIn('SYSTEM'), await messagesIn('COMMANDS')];
    const heard: string[] = [];
    const spy = await at.raw('watcher');
    for (const subject of ['run.>', 'sys.>', 'live.>'])
      spy.subscribe(subject, { callback: (_, message) => void heard.push(message.subject) });
    await spy.flush();
    for (const login of ['operator', 'gateway', 'audit', 'orchestrator'] as const) {
      const attacker = await at.raw(login);
      for (const reply of TARGETS) {
        for (const subject of ['rpc.tools.list', 'rpc.tools.call', 'rpc.runs.events'])
          attacker.publish(subject, JSON.stringify(asked), { reply, headers: framed() });
      }
      await attacker.flush();
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([await messagesIn('RUNS'), await messagesIn('SYSTEM'), await messagesIn('COMMANDS')]).toEqual(before);
    expect(heard).toEqual([]);
    expect(await gateway.request(listTools, asked)).toEqual({ tools: [] });
  });

  tried('keeps a service that answers wherever it is told to from publishing there', async (at) => {
    for (const login of SERVICES) {
      const targets = TARGETS.filter((subject) => !OWN[login]?.test(subject) && !mayAsk(login, subject));
      const raw = await at.raw(login);
      expect({ login, refused: await refusedOf(raw, 'publish', targets) }).toEqual({ login, refused: targets });
    }
  });

  tried('opens no private answer to anybody else, whatever the wildcards', async (at) => {
    for (const login of [...SERVICES, 'operator', 'watcher', 'watcher-acme'] as const) {
      const others = [...SERVICES, 'operator'].filter((other) => other !== login).map((other) => `_INBOX.${other}.>`);
      const wanted = [...WIDE, ...others];
      const raw = await at.raw(login);
      expect({ login, refused: await refusedOf(raw, 'subscribe', wanted) }).toEqual({ login, refused: wanted });
    }
  });

  tried('gives each service what its contracts say, and nothing of what is tried beside it', async (at) => {
    for (const app of SERVICES) {
      const { permissions } = await probeBus({ url: at.urlFor(app), limitMs: 5_000 });
      expect({ app, ...permissions }).toMatchObject({ app, missing: [], excess: [], untried: false });
    }
  });

  tried('lets a watcher of one tenant hear that tenant alone', async (at) => {
    const watcher = await at.raw('watcher-acme');
    const wide = [
      'run.>',
      'run.*.>',
      'run.beta.>',
      'run.*.r-acme.>',
      'live.>',
      'live.beta.>',
      'live.*.>',
      'sys.>',
      'rpc.>',
    ];
    expect(await refusedOf(watcher, 'subscribe', wide)).toEqual(wide);
    const heard: string[] = [];
    watcher.subscribe('run.acme.>', { callback: (_, message) => void heard.push(message.subject) });
    await watcher.flush();
    await orchestrator.publishEvents([
      ...runOf('r-live', 1),
      ...runOf('r-live', 1).map((e) => ({ ...e, tenantId: 'beta' })),
    ]);
    await until(() => heard.length > 0);
    expect(heard).toEqual([subjects.runEvent('acme', 'r-live', 'orchestrator.task.completed')]);
  });

  tried('lets a watcher of one tenant read that tenant’s part of the stream, and none of the rest', async (at) => {
    const watcher = await at.raw('watcher-acme');
    expect(await makeBy(watcher, 'own', 'run.acme.>', { filter_subject: 'run.acme.>' })).toHaveProperty('config');
    const read = await readOf(watcher, 'own');
    expect(read.length).toBeGreaterThan(0);
    expect(read.filter((subject) => !subject.startsWith('run.acme.'))).toEqual([]);
    for (const filter of ['run.beta.>', 'run.>', 'run.*.>', '>'])
      await expect(makeBy(watcher, 'own', filter, { filter_subject: filter })).rejects.toThrow(/permissions/i);
    // The subject names one filter, and the body another, or several, or none.
    for (const other of [{ filter_subject: 'run.beta.>' }, { filter_subjects: ['run.acme.>', 'run.beta.>'] }, {}])
      expect(await makeBy(watcher, 'sly', 'run.acme.>', other)).toHaveProperty('error');
  });

  tried('lets a watcher of all tenants read both streams with the ordered consumer of a stock client', async (at) => {
    const watcher = await at.raw('watcher');
    await gateway.publishSystem({
      type: 'gateway.rate.limited',
      data: { tenant_id: 'acme', user_id: 'ada', path: '/' },
    });
    for (const [stream, filter] of [
      ['RUNS', 'run.beta.>'],
      ['RUNS', undefined],
      ['SYSTEM', undefined],
    ] as const) {
      const consumer = await watcher.jetstream().consumers.get(stream, filter ? { filterSubjects: filter } : {});
      const message = await consumer.next({ expires: 2_000 });
      expect({ stream, filter, got: message?.subject }).toEqual({ stream, filter, got: expect.any(String) });
    }
  });

  tried('keeps what belongs to the services from every watcher', async (at) => {
    const audit = await at.bus('audit');
    const heard: ConsumedMessage[] = [];
    const consumed = audit.consume({ stream: 'RUNS', durable: 'audit', handle: async (m) => void heard.push(...m) });
    await until(() => heard.length >= 3);
    for (const login of ['watcher', 'watcher-acme'] as const) {
      const watcher = await at.raw(login);
      const theirs = [
        '$JS.API.CONSUMER.CREATE.RUNS.audit.run.acme.>',
        '$JS.API.CONSUMER.MSG.NEXT.RUNS.audit',
        '$JS.API.CONSUMER.DELETE.RUNS.audit',
        '$JS.API.STREAM.PURGE.RUNS',
        '$JS.API.STREAM.MSG.GET.RUNS',
        '$JS.ACK.RUNS.audit.1.1.1.1.1',
        'rpc.runs.cancel',
        'ctl.orchestrator.abort',
        FORGED,
      ];
      expect({ login, refused: await refusedOf(watcher, 'publish', theirs) }).toEqual({ login, refused: theirs });
    }
    await orchestrator.publishEvents(runOf('r-after', 2));
    await until(() => heard.some(({ event }) => event?.runId === 'r-after'));
    await consumed.stop();
  });

  tried('makes nothing of events that a watcher has JetStream deliver under another run', async (at) => {
    const stolen = subjects.runEvent('beta', 'r-victim', 'orchestrator.task.completed');
    const following = gateway.follow({
      tenantId: 'beta',
      runId: 'r-victim',
      after: 0,
      signal: AbortSignal.timeout(3_000),
      fetch: async () => ({ events: [], lastSeq: 0, ended: false }),
    });
    const seen: RunEvent[] = [];
    const done = (async () => {
      for await (const batch of following) seen.push(...batch);
    })().catch(() => undefined);
    const watcher = await at.raw('watcher-acme');
    await makeBy(watcher, 'copier', 'run.acme.>', { filter_subject: 'run.acme.>' });
    watcher.publish('$JS.API.CONSUMER.MSG.NEXT.RUNS.copier', JSON.stringify({ batch: 10, no_wait: true }), {
      reply: stolen,
    });
    await watcher.flush();
    await done;
    expect(seen).toEqual([]);
  });

  tried('believes a request only where one that may ask it has signed it', async (at) => {
    for (const login of ['gateway', 'audit', 'operator'] as const) {
      const thief = await at.raw(login); // the login leaked, the keys did not
      const answer = await thief.request('rpc.runs.events', JSON.stringify({ ...asked, runId: 'r-acme' }), {
        timeout: 5_000,
      });
      expect(answer.headers?.get('error-code')).toBe('caller_not_trusted');
    }
  });

  tried('lets a service that is taken over speak for nobody but itself', async (at) => {
    const audit = await at.bus('audit');
    await expect(audit.request(readRunEvents, { ...asked, runId: 'r-acme' })).rejects.toMatchObject({
      code: 'caller_not_trusted',
    });
    const itself: Principal = { tenantId: 'acme', userId: 'audit', role: 'auditor', via: 'service' };
    expect(await audit.request(readRunEvents, { principal: itself, runId: 'r-acme' })).toMatchObject({ lastSeq: 3 });
    // What it has no business to ask, it has neither permission nor key for.
    await expect(audit.request(cancelRun, { ...asked, runId: 'r-acme' })).rejects.toMatchObject({ code: 'internal' });
    await expect((await at.bus('a2a')).request(callTool, { ...asked, tool: 'x' })).rejects.toMatchObject({
      code: 'caller_not_trusted',
    });
  });

  tried('knows an operator as the person that asks, and as nobody else', async (at) => {
    const operator = await at.operator('grace');
    const told: unknown[] = [];
    const watcher = await at.raw('watcher');
    watcher.subscribe('sys.tools.operator.asked', {
      callback: (_, message) => void told.push(message.json<{ data: unknown }>().data),
    });
    await watcher.flush();
    const own = (userId: string): Principal => ({ tenantId: 'acme', userId, role: 'admin', via: 'operator' });
    const frames: unknown[] = [];
    const onProgress = (frame: unknown): void => void frames.push(frame);
    expect(
      await operator.request(callTool, { principal: own(`${OPERATOR_USER_PREFIX}grace`), tool: 'x' }, { onProgress }),
    ).toEqual({
      status: 'succeeded',
      output: 'grace',
    });
    expect(frames).toEqual([{ half: 'way' }]);
    expect(told).toContainEqual({
      tenant_id: 'acme',
      user_id: 'operator-grace',
      person: 'grace',
      subject: 'rpc.tools.call',
    });
    for (const principal of [own(`${OPERATOR_USER_PREFIX}ada`), own('ada'), ada])
      await expect(operator.request(callTool, { principal, tool: 'x' })).rejects.toMatchObject({
        code: 'caller_not_trusted',
      });
    await expect(
      gateway.request(callTool, { principal: own(`${OPERATOR_USER_PREFIX}grace`), tool: 'x' }),
    ).rejects.toMatchObject({
      code: 'caller_not_trusted',
    });
  });

  tried('takes a system fact only from its producer', async (at) => {
    const heard: string[] = [];
    const listening = await gateway.subscribeSystem(({ type }) => void heard.push(type), 'tools.catalog');
    const orchestrated = await at.raw('mcp-tool');
    const fact = {
      specversion: '1.0',
      time: new Date().toISOString(),
      datacontenttype: 'application/json',
      instance: 'i',
      seq: 1,
    };
    const claim = (type: string, source: string, data: object) =>
      JSON.stringify({ ...fact, id: 'i:1', type, source, data });
    // The gateway's fact on a subject of one's own, and one's own in another's name.
    const denied = { tenant_id: 'acme', user_id: 'ada', path: '/', reason: 'forged' };
    orchestrated.publish('sys.tools.catalog.changed', claim('gateway.access.denied', '/switchyard/gateway', denied));
    orchestrated.publish(
      'sys.tools.catalog.changed',
      claim('tools.catalog.changed', '/switchyard/gateway', { tools: 1 }),
    );
    orchestrated.publish(
      'sys.tools.catalog.changed',
      claim('tools.catalog.changed', '/switchyard/mcp-tool', { tools: 1 }),
    );
    await until(() => heard.length > 0);
    expect(heard).toEqual(['tools.catalog.changed']);
    await listening.stop();
  });
});

function framed() {
  const understood = headers();
  understood.set('progress', '1');
  return understood;
}

/** What a service may publish to because it asks there, or answers those who ask from there. */
function mayAsk(login: AppName, subject: string): boolean {
  if (subject === 'rpc.runs.cancel') return login === 'gateway';
  return (
    subject === '_INBOX.gateway.forged' &&
    ['orchestrator', 'mcp-tool', 'a2a', 'audit', 'xmpp-bridge', 'computer-use', 'gateway'].includes(login)
  );
}

/** The subjects of what this consumer of one's own has to give. */
async function readOf(connection: NatsConnection, name: string): Promise<string[]> {
  const read: string[] = [];
  const inbox = createInbox(`_INBOX.watcher-acme`);
  connection.subscribe(inbox, {
    callback: (_, message) => void (message.headers?.hasError || read.push(message.subject)),
  });
  connection.publish(`$JS.API.CONSUMER.MSG.NEXT.RUNS.${name}`, JSON.stringify({ batch: 100, no_wait: true }), {
    reply: inbox,
  });
  await connection.flush();
  await new Promise((resolve) => setTimeout(resolve, 300));
  return read.filter((subject) => subject.startsWith('run.'));
}

/** What JetStream says to a consumer that is asked for under one filter, with another configuration. */
async function makeBy(connection: NatsConnection, name: string, filter: string, config: object): Promise<unknown> {
  const body = {
    stream_name: 'RUNS',
    config: { name, ack_policy: 'none', deliver_policy: 'all', inactive_threshold: 5_000_000_000, ...config },
  };
  const subject = `$JS.API.CONSUMER.CREATE.RUNS.${name}.${filter}`;
  return (await connection.request(subject, JSON.stringify(body), { timeout: 2_000 })).json();
}
