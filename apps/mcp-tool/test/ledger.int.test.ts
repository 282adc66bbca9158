import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Bus, connectBus, type Service } from '@switchyard/bus';
import {
  callTool,
  getEffect,
  type InputOf,
  listEffects,
  modelTurn,
  performStep,
  type Principal,
  settleEffect,
  type StepResult,
  type SystemEvent,
} from '@switchyard/contracts';
import { type LocalServer, type Servers, startPostgres, startServers } from '@switchyard/local-servers';
import { createLogger, parseConfig } from '@switchyard/platform';
import { type EffectCall, type EffectRequest, type Effects, migrateDatabase } from '@switchyard/store';
import { until } from '@switchyard/testing';
import { z } from 'zod';
import { Config, createMcpTool, defineTool, type Tool } from '../src/index.ts';

/** The promise of the ledger on real servers: replicas of the service, duplicates, deaths, a database that goes away. */

const log = createLogger({ app: 'test', level: 'silent' });
const ANN: Principal = { tenantId: 'acme', userId: 'ann', role: 'user', via: 'dev' };
const ADMIN: Principal = { ...ANN, userId: 'root', role: 'admin' };
const LEASE_MS = 800;

let servers: Servers<'nats' | 'postgres'>;
let asker: Bus;
let gateway: Bus;
const facts: SystemEvent[] = [];
/** What really happened, in this process and in others. */
const world: string[] = [];
let holdMs = 0;
let restarted: LocalServer | undefined;
const services: Service[] = [];
const children: ChildProcess[] = [];
let started = 0;

const pay = (idempotency: 'none' | 'key'): Tool =>
  defineTool({
    name: `pay_${idempotency}`,
    description: 'Pay.',
    provider: 'bank',
    kind: 'write',
    idempotency,
    input: z.object({ cents: z.number().int() }),
    output: z.object({ paid: z.number(), pid: z.number() }),
    timeoutMs: 30_000,
    run: async ({ cents }, { idempotencyKey }) => {
      world.push(`pay_${idempotency} ${idempotencyKey}`);
      await new Promise((resolve) => setTimeout(resolve, holdMs));
      return { paid: cents, pid: process.pid };
    },
  });
const deaf = defineTool({
  name: 'deaf',
  description: 'Pays, after its time.',
  provider: 'bank',
  kind: 'write',
  idempotency: 'none',
  input: z.object({}),
  output: z.string(),
  timeoutMs: 100,
  run: () => new Promise<string>((resolve) => setTimeout(() => resolve('paid after all'), 700)),
});

const environment = () => ({
  ...servers.accessOf('mcp-tool'),
  EFFECT_LEASE_MS: String(LEASE_MS),
});

async function replica(effects?: (effects: Effects) => Effects): Promise<Service> {
  const config = parseConfig(Config, environment());
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  const tools = [pay('none'), pay('key'), deaf];
  const service = createMcpTool(config.value, { log, handleSignals: false, tools, ...(effects ? { effects } : {}) });
  await service.start();
  services.push(service);
  return service;
}

/** A replica in a process of its own, whose tools hold on once their effect has happened. */
async function process_(): Promise<{ child: ChildProcess; effects: () => string[]; release: () => void }> {
  const name = join(servers.dir, `process-${(started += 1)}`);
  const env = { ...process.env, ...environment(), EFFECT_LOG: `${name}.log`, HOLD_UNTIL: `${name}.release` };
  const child = spawn(process.execPath, [fileURLToPath(new URL('executor-process.mjs', import.meta.url))], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(child.stdout!, 'data');
  return {
    child,
    effects: () =>
      existsSync(`${name}.log`)
        ? readFileSync(`${name}.log`, 'utf8')
            .split('\n')
            .filter((line) => line !== '')
        : [],
    release: () => writeFileSync(`${name}.release`, ''),
  };
}

beforeAll(async () => {
  servers = await startServers(['nats', 'postgres']);
  await migrateDatabase(servers.postgres.url);
  asker = await connectBus({ ...servers.busOf('orchestrator'), log });
  gateway = await connectBus({ ...servers.busOf('gateway'), log });
  const auditor = await connectBus({ ...servers.busOf('audit'), log });
  auditor.consume({
    stream: 'SYSTEM',
    durable: 'audit',
    handle: async (messages) => void facts.push(...messages.flatMap(({ system }) => system ?? [])),
  });
  services.push({ start: async () => undefined, stop: () => auditor.close(), opsPort: 0 });
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await Promise.all(services.splice(1).map((service) => service.stop()));
  holdMs = world.length = facts.length = 0;
});
afterAll(async () => {
  await Promise.all(services.map((service) => service.stop()));
  await Promise.all([asker?.close(), gateway?.close()]);
  await restarted?.stop();
  await servers?.stop();
});

let count = 0;
const freshKey = () => `run${(count += 1)}:step-mcp-001`;
const step = (tool: string, idempotencyKey: string, args: Record<string, unknown> = { cents: 7 }) =>
  asker.request(performStep.mcp, {
    principal: ANN,
    runId: idempotencyKey.split(':')[0]!,
    stepId: 'step-mcp-001',
    threadId: 't',
    idempotencyKey,
    attempt: 1,
    task: 'pay',
    call: { tool, arguments: args },
  });
/** As the orchestrator asks: again, where the question reached a process that is gone. */
async function ask(tool: string, key: string, args?: Record<string, unknown>): Promise<StepResult> {
  for (;;) {
    const asked = Array.from({ length: 4 }, () => step(tool, key, args));
    const answer = await Promise.any(asked).catch(() => undefined);
    if (answer) return answer;
  }
}
const effectOf = async (key: string) => {
  const read = () => gateway.request(listEffects, { principal: ANN, runId: key.split(':')[0]! });
  const { effects } = await Promise.any([read(), read(), read(), read()]);
  return effects.find(({ idempotencyKey }) => idempotencyKey === key);
};
const told = (type: SystemEvent['type']) => facts.filter((fact) => fact.type === type);

async function fiftyDuplicates(): Promise<string[]> {
  holdMs = 300;
  const key = freshKey();
  const answers = await Promise.all(Array.from({ length: 50 }, () => step('pay_none', key)));
  return [...new Set(answers.map((answer) => JSON.stringify(answer)))];
}

describe('fifty duplicates of a call on two replicas', () => {
  it('have one effect, and the very same answer', async () => {
    await Promise.all([replica(), replica()]);
    const answers = await fiftyDuplicates();
    expect(world).toHaveLength(1);
    expect(answers).toEqual([expect.stringContaining('"paid":7')]);
    expect(told('tools.effect.in_doubt')).toEqual([]);
  });

  it('have many where the ledger is ignored: this test can fail', async () => {
    const ignored = (effects: Effects): Effects =>
      Object.assign(Object.create(effects) as Effects, {
        begin: async ({ effectId }: EffectRequest) => ({ kind: 'mine', effectId, attempt: 1, again: false }),
        dispatch: async () => true,
        complete: async (_call: EffectCall, result: StepResult) => ({ kind: 'completed', result, noted: false }),
        renew: async () => new Set(),
        doubtOrphans: async () => [],
      });
    await Promise.all([replica(ignored), replica(ignored)]);
    await fiftyDuplicates();
    expect(world.length).toBeGreaterThan(1);
  });
});

describe('a process that is killed after the effect and before its outcome is written', () => {
  it('leaves a doubt where the tool knows no keys, and a person settles it', async () => {
    const { child, effects } = await process_();
    const key = freshKey();
    const lost = step('pay_none', key).catch((error: unknown) => error);
    await until(() => effects().length === 1);
    await replica();
    child.kill('SIGKILL');
    const answer = await ask('pay_none', key);
    expect(answer).toMatchObject({ status: 'in_doubt', message: expect.stringContaining('not known') });
    expect(await lost).toMatchObject({ code: 'worker_lost' });
    expect(world).toEqual([]);
    const { effectId, state } = (await effectOf(key))!;
    expect(state).toBe('in_doubt');
    await until(() => told('tools.effect.in_doubt').length === 1);

    const settle = (principal: Principal, outcome: 'succeeded' | 'failed' = 'succeeded') =>
      gateway.request(settleEffect, { principal, effectId, outcome, note: 'It is on the statement.' });
    await expect(settle({ ...ANN, userId: 'bob' })).rejects.toMatchObject({ code: 'not_found' });
    await expect(settle({ ...ADMIN, tenantId: 'other' })).rejects.toMatchObject({ code: 'not_found' });
    await expect(settle({ ...ANN, userId: 'eve', role: 'auditor' })).rejects.toMatchObject({ code: 'forbidden' });
    expect(await settle(ADMIN)).toMatchObject({ state: 'succeeded', settled: { by: 'root' } });
    expect(await settle(ANN)).toMatchObject({ settled: { by: 'root' } });
    await expect(settle(ANN, 'failed')).rejects.toMatchObject({ code: 'effect_not_in_doubt' });
    await until(() => told('tools.effect.settled').length === 1);
    expect(await ask('pay_none', key)).toMatchObject({ status: 'succeeded', output: { settled_by_person: true } });
    const seen = gateway.request(getEffect, { principal: { ...ANN, userId: 'bob' }, effectId });
    await expect(seen).rejects.toMatchObject({ code: 'not_found' });
    expect(effects()).toHaveLength(1);
  });

  it('is repeated once with the same key where the tool honours it', async () => {
    const { child, effects } = await process_();
    const key = freshKey();
    const lost = step('pay_key', key).catch((error: unknown) => error);
    await until(() => effects().length === 1);
    await Promise.all([replica(), replica()]);
    child.kill('SIGKILL');
    const answers = await Promise.all([ask('pay_key', key), ask('pay_key', key)]);
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 'succeeded', output: { pid: process.pid } });
    expect([...effects(), ...world]).toEqual([`pay_key ${key}`, `pay_key ${key}`]);
    expect(await effectOf(key)).toMatchObject({ state: 'succeeded', attempts: 2 });
    await lost;
  });
});

describe('a process that stands still for longer than its lease', () => {
  it.each([
    ['changes nothing of a call that another has done meanwhile', 'pay_key', false],
    ['ends the doubt that its silence made', 'pay_none', true],
  ] as const)('%s, and its late outcome is recorded and told', async (_what, tool, accepted) => {
    const { child, effects, release } = await process_();
    const key = freshKey();
    const lost = step(tool, key).catch((error: unknown) => error);
    await until(() => effects().length === 1);
    child.kill('SIGSTOP');
    await replica();
    const answer = await ask(tool, key);
    expect(answer.status).toBe(accepted ? 'in_doubt' : 'succeeded');
    release();
    child.kill('SIGCONT');
    await until(() => told('tools.effect.late').length === 1, 15_000);
    expect(told('tools.effect.late')[0]!.data).toMatchObject({ accepted, outcome: 'succeeded', tool });
    const effect = await effectOf(key);
    expect(effect).toMatchObject({ state: 'succeeded', late: true, lateOutcome: 'succeeded' });
    expect(effect?.result).toMatchObject({ output: { pid: accepted ? child.pid : process.pid } });
    await lost;
  });
});

/** The model of a delegated step: it says these things, one a turn, and never the same words twice. */
const asked: InputOf<typeof modelTurn>[] = [];
let times = 0;
let says: (turn: number) => readonly [tool: string, args: Record<string, unknown>][] = () => [];
const delegate = (key: string, attempt: number) =>
  asker.request(performStep.mcp, {
    principal: ANN,
    runId: key.split(':')[0]!,
    stepId: 'step-mcp-001',
    threadId: 't',
    idempotencyKey: key,
    attempt,
    task: 'pay',
    toolConstraints: { mode: 'custom', providers: ['bank'], tools: [] },
  });

/** As the orchestrator takes it up: again, where the question reached a process that is gone or stands still. */
async function takeUp(key: string, times = 1): Promise<StepResult> {
  for (let attempt = 2; attempt < 50; attempt += 1) {
    const asked = Array.from({ length: times }, () => delegate(key, attempt));
    const answer = await Promise.any(asked).catch(() => undefined);
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('nobody took the step up');
}

describe('a worker that is killed in a task in words', () => {
  beforeAll(async () => {
    await asker.answer(modelTurn, async (input) => {
      asked.push(input);
      times += 1;
      const calls = says(input.turn).map(([name, args], n) => ({
        id: `${times}-${n}`,
        name,
        arguments: JSON.stringify(args),
      }));
      const text = calls.length === 0 ? `All is paid, said the ${times}th time.` : '';
      return { text, calls, usage: { input_tokens: 10, output_tokens: 1 } };
    });
  });
  beforeEach(() => {
    asked.length = times = 0;
  });

  it('is followed by one that goes on: what was decided is not decided anew, no payment happens twice', async () => {
    says = (turn) => (turn === 1 ? [['pay_key', { cents: 100 + times }]] : []);
    const { child, effects } = await process_();
    const key = freshKey();
    const lost = delegate(key, 1).catch((error: unknown) => error);
    await until(() => effects().length === 1);
    await Promise.all([replica(), replica()]);
    child.kill('SIGKILL');
    expect(await lost).toMatchObject({ code: 'worker_lost' });
    const answer = await takeUp(key);
    expect(answer).toMatchObject({ status: 'succeeded', output: 'All is paid, said the 2th time.' });
    expect(answer.usage).toEqual({ input_tokens: 20, output_tokens: 2 });
    expect(asked.map(({ turn }) => turn)).toEqual([1, 2]);
    expect(world).toEqual(effects()); // the same payment, under the same key
    // Asked once more, for its answer was lost, it says the same, and nothing happens.
    expect(await takeUp(key)).toMatchObject({ output: 'All is paid, said the 2th time.' });
    expect([asked.length, world.length]).toEqual([2, 1]);
  });

  it('leaves a doubt about just the call that nobody knows the end of, and says which it is', async () => {
    says = (turn) => (turn === 1 ? [['pay_none', { cents: 100 + times }]] : []);
    const { child, effects } = await process_();
    const key = freshKey();
    const lost = delegate(key, 1).catch((error: unknown) => error);
    await until(() => effects().length === 1);
    await replica();
    child.kill('SIGKILL');
    await lost;
    const answer = await takeUp(key);
    expect(answer).toMatchObject({
      status: 'in_doubt',
      message: expect.stringContaining('The call of pay_none {"cents":101} is in doubt'),
      usage: { input_tokens: 10, output_tokens: 1 },
    });
    expect([world, asked.length]).toEqual([[], 1]);
  });

  it('and only stood still does the same as the one that went on in its place', async () => {
    says = (turn) => (turn < 3 ? [['pay_key', { cents: 100 * turn + times }]] : []);
    const { child, effects, release } = await process_();
    const key = freshKey();
    const lost = delegate(key, 1).catch((error: unknown) => error);
    await until(() => effects().length === 1);
    child.kill('SIGSTOP');
    await replica();
    const answer = takeUp(key, 4);
    await until(() => world.length >= 1, 30_000);
    release();
    child.kill('SIGCONT');
    expect(await answer).toMatchObject({ status: 'succeeded' });
    const { effects: inLedger } = await gateway.request(listEffects, { principal: ANN, runId: key.split(':')[0]! });
    expect(inLedger).toHaveLength(2);
    expect(inLedger.map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
    expect(new Set([...world, ...effects()]).size).toBe(2); // two keys in all, whoever paid
    await lost;
  });
});

describe('an outcome that comes after the time limit', () => {
  it('ends the doubt about the call', async () => {
    await replica();
    const key = freshKey();
    expect(await ask('deaf', key, {})).toMatchObject({ status: 'in_doubt' });
    expect(await effectOf(key)).toMatchObject({ state: 'in_doubt' });
    await until(async () => (await effectOf(key))?.state === 'succeeded');
    expect(await effectOf(key)).toMatchObject({ late: true, result: { output: 'paid after all' } });
    expect(await ask('deaf', key, {})).toMatchObject({ status: 'succeeded', output: 'paid after all' });
  });
});

describe('a call without a key', () => {
  it('is in the ledger all the same, without its secrets; one that only reads is not', async () => {
    await replica();
    const principal = { ...ANN, userId: 'keyless' };
    const note = { name: 'plan', body: 'my password=hunter2hunter2 is secret' };
    await gateway.request(callTool, { principal, tool: 'add_note', arguments: note });
    await gateway.request(callTool, { principal, tool: 'get_note', arguments: { name: 'plan' } });
    const { effects } = await gateway.request(listEffects, { principal });
    expect(effects).toMatchObject([{ tool: 'add_note', state: 'succeeded', runId: null }]);
    expect(JSON.stringify(effects)).not.toContain('hunter2');
  });
});

describe('PostgreSQL that goes away', () => {
  it('in the middle of a call: its outcome is written when it is back; meanwhile nothing is performed', async () => {
    await Promise.all([replica(), replica()]);
    holdMs = 1_500;
    const key = freshKey();
    const answer = step('pay_none', key);
    await until(() => world.length === 1);
    const { dir, port } = servers.postgres;
    await servers.postgres.stop();
    expect(await step('pay_none', freshKey())).toMatchObject({ status: 'failed', code: 'unavailable' });
    restarted = await startPostgres({ dir, port, durable: false, passwords: servers.passwords });
    expect(await answer).toMatchObject({ status: 'succeeded', output: { paid: 7 } });
    expect(await effectOf(key)).toMatchObject({ state: 'succeeded', attempts: 1, late: false });
    expect(world).toHaveLength(1);
  });
});
