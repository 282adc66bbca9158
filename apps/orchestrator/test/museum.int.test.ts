import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FactOf, type RunEvent, TERMINAL_TYPE, type ToolInfo } from '@switchyard/contracts';
import { createDevModel, type DevModel, type Exhibit, MUSEUM } from '@switchyard/dev-model';
import { createSafeFetch } from '@switchyard/safe-fetch';
import { createOpenAiPlanner } from '../src/planner/openai/planner.ts';
import { request, World } from './world.ts';

/*
 * Every habit of a model server that the museum shows, in a run of its own over the real protocol: the planner asks
 * dev-model as it would ask that server. Runs go side by side; each is judged by its journal.
 */

const AT_ONCE = 16;
const tool = (name: string, ...properties: string[]): ToolInfo => ({
  name,
  description: name,
  provider: 'museum',
  inputSchema: { type: 'object', properties: Object.fromEntries(properties.map((each) => [each, { type: 'string' }])) },
  kind: 'read',
  idempotency: 'safe',
});

interface Seen {
  readonly events: readonly RunEvent[];
  readonly terminal: FactOf<typeof TERMINAL_TYPE>['data'];
  readonly tookMs: number;
}

const seen = new Map<string, Seen | Error>();
/** How many requests each model got. */
const requests = new Map<string, number>();
const lag = monitorEventLoopDelay({ resolution: 10 });
let world: World;
let model: DevModel;

beforeAll(async () => {
  world = await World.start();
  model = await createDevModel({ port: 0 });
  world.tools = [tool('get_weather', 'city'), tool('calculator', 'expression'), tool('no_arguments')];
  const real = createSafeFetch({ allowHosts: [new URL(model.url).host], maxResponseBytes: 16 * 1024 ** 2 });
  const counting: typeof fetch = (address, init) => {
    const { model: name } = JSON.parse(String(init?.body)) as { model: string };
    requests.set(name, (requests.get(name) ?? 0) + 1);
    return real(address, init);
  };
  const planner = createOpenAiPlanner({
    apiKey: 'key-of-a-test',
    baseUrl: `${model.url}/v1`,
    timeoutMs: 6_000,
    stallMs: 2_000,
    maxRetries: 2,
    fetch: counting,
  });
  const replica = await world.replica({ planner, maxConcurrent: AT_ONCE });
  const visit = async ({ name, outcome }: Exhibit): Promise<void> => {
    const began = Date.now();
    const asked = request(`visit ${name}`, { engine: `museum/${name}` });
    await replica.service.start(asked);
    const terminal = await world.ended(asked.runId, outcome.withinMs + 15_000);
    seen.set(name, { terminal, events: await world.events(asked.runId), tookMs: Date.now() - began });
  };
  const waiting = [...MUSEUM];
  lag.enable();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const { name } = next;
        await visit(next).catch((error: unknown) => seen.set(name, error as Error));
      }
    }),
  );
  lag.disable();
}, 180_000);
afterAll(async () => {
  await model?.stop();
  await world?.stop();
});

/** What was done in a run, as the museum writes it. */
function outcomeOf(exhibit: Exhibit) {
  const { name, outcome } = exhibit;
  const found = seen.get(name);
  if (!found || found instanceof Error) throw found ?? new Error(`nobody visited ${name}`);
  const { terminal, events } = found;
  const { input_tokens: input, output_tokens: output, estimated } = terminal.usage;
  const dispatched = events.filter((event) => event.type === 'orchestrator.step.dispatching');
  const performed = events.flatMap((event) => {
    if (event.type !== 'orchestrator.step.completed' || !event.data.success) return [];
    const step = dispatched.find(({ data }) => data.step_id === event.data.step_id);
    return step ? [`${step.data.tool} ${JSON.stringify(step.data.arguments)}`] : [];
  });
  const usage = estimated ? 'estimated' : input > 0 || output > 0 ? 'reported' : 'none';
  const wanted = (key: keyof typeof outcome, value: unknown) => (outcome[key] === undefined ? {} : { [key]: value });
  return {
    status: terminal.status,
    usage,
    ...wanted('answer', terminal.answer),
    ...wanted('finish', terminal.finish_reason),
    ...wanted('steps', performed.toSorted()),
    ...wanted('code', terminal.error_code),
    ...wanted('waits', events.filter(({ type }) => type === 'orchestrator.model.waiting').length),
    ...wanted('retryAfterMs', terminal.retry_after_ms),
    ...wanted('requests', requests.get(`museum/${name}`)),
  };
}

describe.each(MUSEUM.map((exhibit) => [exhibit.name, exhibit] as const))('%s', (name, exhibit) => {
  it(`ends rightly (${exhibit.source})`, () => {
    const { withinMs: _limit, says = '', ...outcome } = exhibit.outcome;
    expect(outcomeOf(exhibit)).toEqual({ ...outcome, ...(outcome.steps ? { steps: outcome.steps.toSorted() } : {}) });
    const { terminal, events, tookMs } = seen.get(name) as Seen;
    if (outcome.status !== 'failed') expect(terminal.finish_reason).toBe(outcome.finish);
    expect(events.filter(({ type }) => type === TERMINAL_TYPE)).toHaveLength(1);
    expect(terminal.error ?? '').toContain(says);
    // Neither a text of the server nor a mark of its reasoning reaches anybody.
    expect(JSON.stringify(events)).not.toMatch(/SECRETKEY|\[object Object\]|Hm\./);
    expect(tookMs).toBeLessThan(exhibit.outcome.withinMs);
  });
});

it('shows at least 130 habits, each under a name of its own', () => {
  expect(new Set(MUSEUM.map(({ name }) => name)).size).toBe(MUSEUM.length);
  expect(MUSEUM.length).toBeGreaterThanOrEqual(130);
});

it('never holds the process up for long, whatever a server sends', () => {
  expect(lag.max / 1e6).toBeLessThan(1_500);
});
