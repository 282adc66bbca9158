// @ts-check
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Scratch } from './scratch.mjs';

/*
 * The recipes of CONTRIBUTING.md, performed as it says in a copy of this clone, which is then built once. What a recipe
 * touches stands here, so a recipe that becomes dearer fails.
 */

const TOOL = `import { z } from 'zod';
import { defineTool } from '../tool/index.ts';

export const shout = defineTool({
  name: 'shout',
  description: 'Say a text loudly.',
  provider: 'words',
  kind: 'read',
  idempotency: 'safe',
  input: z.object({ text: z.string().max(1_000) }),
  output: z.object({ said: z.string() }),
  timeoutMs: 1_000,
  run: ({ text }) => ({ said: text.toUpperCase() }),
});
`;
const REQUEST = `
export const countAgents = request({
  subject: 'rpc.agents.count',
  summary: 'Count the agents that a task may be delegated to.',
  answeredBy: 'a2a',
  askedBy: ['orchestrator'],
  input: z.object({ principal: PrincipalOrNobody }),
  output: z.object({ agents: z.number().int() }),
  timeoutMs: 5_000,
});
`;
const HANDLER = `
  @Handles(countAgents)
  async count(): Promise<OutputOf<typeof countAgents>> {
    return { agents: (await this.#directory.list()).length };
  }
`;
const KIND = `
  tiny: {
    app: 'tiny-agent',
    login: true,
    token: 'ty',
    summary: 'Perform one step with the tiny agent.',
    progress: [],
    offer: 'itself',
    ledger: false,
    usesModelOfRun: false,
    maxProgress: 10,
    absent: 'The tiny agent is not there.',
  },`;

const APPS = ['a2a', 'mcp-tool', 'orchestrator'];

/** @type {Scratch} */
let scratch;

/** Runs a module in the copy; what it exports as `default` comes back. @param {string} text */
async function evaluated(text) {
  scratch.write('try.mjs', `${text}\nprocess.stdout.write('\\n' + JSON.stringify(result));\nprocess.exit(0);\n`);
  const said = await scratch.node('try.mjs');
  return JSON.parse(String(said.split('\n').at(-1)));
}

describe('the recipes of CONTRIBUTING.md', () => {
  before(async () => {
    scratch = Scratch.make(APPS);
    // A native tool: its file, and its place in the list of them.
    scratch.write('apps/mcp-tool/src/builtin-tools/shout.ts', TOOL);
    const tools = 'apps/mcp-tool/src/builtin-tools/index.ts';
    scratch.insert(tools, "import { noteTools } from './notes.ts';\n", "import { shout } from './shout.ts';\n");
    scratch.insert(tools, '): readonly Tool[] => [', 'shout, ');
    // A setting: its line in the schema, and its name inside the app.
    const config = 'apps/a2a/src/config.ts';
    scratch.insert(
      config,
      '    ...SERVICE_MAP_VARIABLES,\n',
      "    A2A_PATIENCE: integer(0, 9, 3).describe('Patience'),\n",
    );
    scratch.insert(config, '    agents: env.A2A_AGENTS,\n', '    patience: env.A2A_PATIENCE,\n');
    // A request: the contract, and the method that answers it.
    scratch.insert(
      'libs/contracts/src/steps/agents.ts',
      'export type AgentInfo = z.infer<typeof AgentInfo>;\n',
      REQUEST,
    );
    const handler = 'apps/a2a/src/agents/agents.handler.ts';
    scratch.insert(handler, "import { Handles } from '@switchyard/bus';\nimport { ", 'countAgents, ');
    scratch.insert(handler, '    this.#ownCard = ownCard;\n  }\n', HANDLER);
    // A kind of agent: one entry.
    scratch.insert('libs/contracts/src/base/agent-kinds.ts', 'export const AGENT_KINDS = {', KIND);
    await scratch.node('node_modules/typescript-7/bin/tsc', '-b', ...APPS.map((app) => `apps/${app}`));
  });
  after(() => scratch?.remove());

  it('a native tool is one file and its place in the list: it runs', async () => {
    const result = await evaluated(`
      const { builtinTools } = await import('./apps/mcp-tool/dist/builtin-tools/index.js');
      const tool = builtinTools({}).find(({ name }) => name === 'shout');
      const result = await tool.run({ text: 'hi' }, {});`);
    assert.deepEqual(result, { said: 'HI' });
  });

  it('a setting is two lines of config.ts: the documents name it, and the app reads it', async () => {
    await scratch.node('tools/gen/gen.mjs');
    for (const path of ['.env.example', 'docs/reference/config.md', 'apps/cli/src/environment/service-variables.ts'])
      assert.match(scratch.read(path), /A2A_PATIENCE/);
    const result = await evaluated(`
      const { Config } = await import('./apps/a2a/dist/config.js');
      const given = { NATS_URL: 'nats://127.0.0.1:4222', BUS_TRUST: 'open' };
      const result = [{}, { A2A_PATIENCE: '7' }].map((more) => Config.parse({ ...given, ...more }).patience);`);
    assert.deepEqual(result, [3, 7]);
  });

  it('a request is a constant and a method: it is registered, permitted, and answered', async () => {
    const result = await evaluated(`
      const { createMemoryBus } = await import('@switchyard/bus');
      const { countAgents, permissionsOf, REQUESTS } = await import('@switchyard/contracts');
      const { createLogger } = await import('@switchyard/platform');
      const { createA2a } = await import('./apps/a2a/dist/index.js');
      const { Config } = await import('./apps/a2a/dist/config.js');
      const log = createLogger({ app: 'recipe', level: 'silent' });
      const hub = createMemoryBus({ log });
      const config = Config.parse({ NATS_URL: 'nats://127.0.0.1:4222', BUS_TRUST: 'open', OPS_PORT: '0' });
      const service = createA2a(config, { bus: hub.connect('a2a'), log, handleSignals: false });
      await service.start();
      const principal = { tenantId: 'acme', userId: 'ann', role: 'user', via: 'dev' };
      const answer = await hub.connect('orchestrator').request(countAgents, { principal });
      const result = {
        answer,
        registered: REQUESTS.includes(countAgents),
        may: [permissionsOf('orchestrator').publish, permissionsOf('gateway').publish].map((p) => p.includes('rpc.agents.count')),
      };`);
    assert.deepEqual(result, { answer: { agents: 0 }, registered: true, may: [true, false] });
    assert.match(scratch.read('docs/reference/subjects.md'), /rpc\.agents\.count/);
  });

  it('a kind of agent is one entry: the planner may choose it, and its app performs the step', async () => {
    const result = await evaluated(`
      const { createMemoryBus, offeredAgents } = await import('@switchyard/bus');
      const { describeAgent, performStep, permissionsOf, StepTarget } = await import('@switchyard/contracts');
      const { createLogger } = await import('@switchyard/platform');
      const { functionsFor, toActs } = await import('./apps/orchestrator/dist/planner/functions.js');
      const hub = createMemoryBus({ log: createLogger({ app: 'recipe', level: 'silent' }) });
      const [owner, app] = [hub.connect('orchestrator'), hub.connect('tiny-agent')];
      const principal = { tenantId: 'acme', userId: 'ann', role: 'user', via: 'dev' };
      const offered = async () => ({ tools: [], agents: await offeredAgents(owner, principal, () => undefined) });
      const before = functionsFor(await offered()).map(({ name }) => name);
      const itself = { name: 'Tiny', description: 'does little', skills: [], reachable: true };
      await app.answer(describeAgent.tiny, async () => itself);
      await app.answer(performStep.tiny, async ({ task }) => ({ status: 'succeeded', output: 'did ' + task }));
      const toolbox = await offered();
      const call = { id: 'c1', name: 'delegate_to_tiny', arguments: '{"task":"it"}' };
      const rules = { tools: [], interactive: false, timeoutSeconds: 60 };
      const { acts: [act] } = toActs([call], toolbox, { plannedBefore: 0, stepsLeft: 9, rules });
      const { target, step_id: stepId, task } = act;
      const step = { principal, runId: 'r1', stepId, threadId: 't1', idempotencyKey: 'r1:' + stepId, attempt: 1, task };
      const outcome = await owner.request(performStep[target], step);
      const result = {
        before,
        after: functionsFor(toolbox).map(({ name }) => name),
        act: [target, stepId, StepTarget.safeParse(target).success],
        outcome,
        may: permissionsOf('tiny-agent').subscribe.includes('rpc.step.tiny tiny-agent'),
      };`);
    assert.deepEqual(result, {
      before: [],
      after: ['delegate_to_tiny', 'submit_plan'],
      act: ['tiny', 'step-ty-001', true],
      outcome: { status: 'succeeded', output: 'did it' },
      may: true,
    });
  });
});
