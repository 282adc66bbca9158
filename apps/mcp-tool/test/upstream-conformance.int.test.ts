import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { McpCaller, ToolInfo } from '@switchyard/contracts';
import { type McpSuite, mcpSuite } from '@switchyard/testing';
import { type Database, startDatabase, startSystem, type System } from './upstream-system.ts';

/**
 * How we behave towards servers, as the official suite sees it: its server is an upstream of the whole service, and what
 * it has is listed and called as our callers do. Which scenarios are not asked, and why, is in docs/mcp.md.
 */

jest.setTimeout(300_000);

interface Job {
  readonly url: string;
  readonly context: { readonly toolCalls?: readonly { name: string; arguments: Record<string, unknown> }[] };
}
interface Verdict {
  readonly code: number;
  readonly output: string;
}

const MAX_ROUNDS = 4;
/** The machine may be busy, and some scenarios look at the clock. */
const TRIES = 3;

let suite: McpSuite;
let database: Database;
let system: System;
let control: Server;
let command: string;
let count = 0;
let busy: Promise<unknown> = Promise.resolve();

beforeAll(async () => {
  [suite, database] = await Promise.all([mcpSuite(), startDatabase()]);
  system = await startSystem(database.store);
  control = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const job = JSON.parse(Buffer.concat(chunks).toString()) as Job;
      // One at a time: there is one file of upstreams.
      const done = busy.then(() => use(job));
      busy = done.catch(() => undefined);
      done.then(
        (told) => response.end(JSON.stringify(told)),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
  });
  await new Promise<void>((resolve) => control.listen(0, '127.0.0.1', resolve));
  const { port } = control.address() as AddressInfo;
  const client = new URL('conformance-client.mjs', import.meta.url).pathname;
  command = `${process.execPath} ${client} http://127.0.0.1:${port}/`;
});
afterAll(async () => {
  control?.closeAllConnections();
  await new Promise((resolve) => (control ? control.close(resolve) : resolve(0)));
  await system?.stop();
  await database?.stop();
});

/** What this upstream shows us is used once, and then it is none of ours any more. */
async function use({ url, context }: Job): Promise<unknown> {
  const name = `suite${(count += 1)}`;
  const upstream = { url, trust: 'trusted', defaults: { kind: 'read', idempotency: 'safe' } };
  try {
    await system.configure(JSON.stringify({ upstreams: { [name]: upstream } }));
    const tools = (await system.list()).filter(({ provider }) => provider === name);
    const calls =
      context.toolCalls?.map((given) => [`${name}__${given.name}`, given.arguments] as const) ??
      tools.map((tool) => [tool.name, argumentsFor(tool, tools)] as const);
    const said: unknown[] = [];
    for (const [tool, args] of calls) said.push(await call(tool, args));
    return { tools: tools.map((tool) => tool.name), said, statuses: await system.statuses() };
  } finally {
    await system.configure('upstreams: {}');
  }
}

/** A call of a caller that answers every question. */
async function call(tool: string, args: Record<string, unknown>): Promise<unknown> {
  let mcp: McpCaller = { capabilities: { elicitation: {} }, progress: false };
  for (let rounds = 1; ; rounds += 1) {
    const result = await system.call(tool, args, { mcp });
    if (result.status !== 'failed' || !result.inputRequired || rounds === MAX_ROUNDS) return result;
    const { inputRequests = {}, requestState } = result.inputRequired;
    const answer = { action: 'accept', content: { confirmed: true } };
    const inputResponses = Object.fromEntries(Object.keys(inputRequests).map((key) => [key, answer]));
    mcp = { ...mcp, inputResponses, requestState };
  }
}

function argumentsFor({ inputSchema }: ToolInfo, tools: readonly ToolInfo[]): Record<string, unknown> {
  const properties = (inputSchema['properties'] ?? {}) as Record<string, { type?: string }>;
  const sample: Record<string, unknown> = { number: 5, integer: 5, boolean: true, string: 'text', object: {} };
  // A tool that asks for a schema gets that of another one, as we show it.
  const schema = tools.find(({ inputSchema: other }) => other !== inputSchema)?.inputSchema;
  const valueOf = (key: string, type = 'string') => (key === 'schema' && schema ? schema : sample[type]);
  return Object.fromEntries(Object.entries(properties).map(([key, { type }]) => [key, valueOf(key, type)]));
}

async function judged(version: '0.1' | '0.2', scenario: string, revision: string): Promise<Verdict> {
  const args = ['client', '--command', command, '--scenario', scenario];
  const asked = revision === '' ? args : [...args, '--spec-version', revision];
  for (let left = TRIES - 1; ; left -= 1) {
    const verdict = await suite.run(`conformance-${version}/dist/index.js`, asked);
    if (left === 0 || isPassed(verdict)) return verdict;
  }
}

const isPassed = ({ code, output }: Verdict) => code === 0 && output.includes('OVERALL: PASSED');

describe('the conformance suite, towards our upstream client', () => {
  /** Its server waits half a minute for idle connections: begun first, looked at last. */
  let retries: Promise<Verdict[]>;
  beforeAll(() => {
    retries = Promise.all([judged('0.1', 'sse-retry', ''), judged('0.2', 'sse-retry', '2025-11-25')]);
    retries.catch(() => undefined);
  });

  it.each<['0.1' | '0.2', string, string]>([
    ['0.1', 'initialize', ''],
    ['0.1', 'tools_call', ''],
    ['0.1', 'elicitation-sep1034-client-defaults', ''],
    ['0.2', 'initialize', '2025-11-25'],
    ['0.2', 'elicitation-sep1034-client-defaults', '2025-11-25'],
    ['0.2', 'tools_call', '2025-11-25'],
    ['0.2', 'json-schema-2020-12-preservation', '2025-11-25'],
    ['0.2', 'tools_call', '2026-07-28'],
    ['0.2', 'request-metadata', '2026-07-28'],
    ['0.2', 'sep-2322-client-request-state', '2026-07-28'],
    ['0.2', 'http-standard-headers', '2026-07-28'],
    ['0.2', 'http-custom-headers', '2026-07-28'],
    ['0.2', 'http-invalid-tool-headers', '2026-07-28'],
    ['0.2', 'json-schema-ref-no-deref', '2026-07-28'],
    ['0.2', 'json-schema-2020-12-preservation', '2026-07-28'],
  ])('%s passes %s %s', async (version, scenario, revision) => {
    const verdict = await judged(version, scenario, revision);
    expect(isPassed(verdict) ? 'passed' : verdict.output).toBe('passed');
  });

  it('both versions pass sse-retry: a stream that its server ends is taken up where it was, when it says so', async () => {
    for (const verdict of await retries) expect(isPassed(verdict) ? 'passed' : verdict.output).toBe('passed');
  });
});
