import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type McpSuite, mcpSuite, until } from '@switchyard/testing';
import { type McpFixture, startMcpFixture } from '../src/mcp-fixture.ts';
import { type McpStack, startMcpStack } from '../src/mcp-stack.ts';

/**
 * Our MCP server as the official suite and the official inspector see it: both protocol eras, through gateway, bus,
 * mcp-tool and a real upstream that has what the suite asks for.
 */

let suite: McpSuite;
let fixture: McpFixture;
let stack: McpStack;

async function toolsOf(url: string): Promise<string[]> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const text = await (await fetch(url, { method: 'POST', headers, body })).text();
  const message = JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? text) as { result?: { tools?: { name: string }[] } };
  return (message.result?.tools ?? []).map(({ name }) => name);
}

beforeAll(async () => {
  suite = await mcpSuite();
  fixture = await startMcpFixture();
  const upstream = {
    url: fixture.url,
    prefix: false,
    trust: 'trusted',
    defaults: { kind: 'read', idempotency: 'safe' },
  };
  stack = await startMcpStack({ fixture: upstream }, [new URL(fixture.url).host]);
  await until(async () => (await toolsOf(stack.url)).includes('test_simple_text'), 30_000);
}, 600_000);
afterAll(async () => {
  await stack?.stop();
  await fixture?.stop();
});

interface Verdict {
  readonly code: number;
  readonly lost: string[];
  readonly passed: number;
}

/** How often the suite is asked: some of its scenarios listen for half a second only, and the machine may be busy. */
const TRIES = 3;

/** Runs the suite against us. No failure is expected: there is no list of any. */
async function conforms(version: '0.1' | '0.2', args: readonly string[]): Promise<Verdict> {
  for (let left = TRIES - 1; ; left -= 1) {
    const program = `conformance-${version}/dist/index.js`;
    const verdict = verdictOf(await suite.run(program, ['server', '--url', stack.url, ...args]));
    if (left === 0 || (verdict.code === 0 && verdict.lost.length === 0)) return verdict;
  }
}

function verdictOf({ code, output }: { code: number; output: string }): Verdict {
  const [scored = '', unscored = ''] = output.split(/^Not scored/m);
  const optional = new Set([...unscored.matchAll(/^\s*[✓✗] (\S+) \(/gm)].map(([, name]) => name));
  const failures = [...scored.matchAll(/^✗ ([^:\s]+):.*$/gm)].filter(([, name]) => !optional.has(name));
  return { code, lost: failures.map(([line]) => line), passed: [...scored.matchAll(/^✓ /gm)].length };
}

describe('the conformance suite', () => {
  it('0.1.16 passes as a whole: every active scenario of 2025-06-18 and 2025-11-25', async () => {
    const { code, lost, passed } = await conforms('0.1', []);
    expect({ code, lost }).toEqual({ code: 0, lost: [] });
    expect(passed).toBe(30);
  }, 300_000);

  it('0.2.0-alpha.12 passes with everything that 2025-11-25 requires', async () => {
    const { code, lost, passed } = await conforms('0.2', ['--requirements', '2025-11-25']);
    expect({ code, lost }).toEqual({ code: 0, lost: [] });
    expect(passed).toBeGreaterThanOrEqual(30);
  }, 300_000);

  it('0.2.0-alpha.12 passes with everything that 2026-07-28 requires', async () => {
    const { code, lost, passed } = await conforms('0.2', ['--requirements', '2026-07-28']);
    expect({ code, lost }).toEqual({ code: 0, lost: [] });
    expect(passed).toBeGreaterThanOrEqual(37);
  }, 300_000);
});

describe('the inspector', () => {
  const inspect = async (...args: string[]) => {
    const base = ['--cli', stack.url, '--transport', 'http', '--format', 'json'];
    return suite.run('@modelcontextprotocol/inspector/clients/launcher/build/index.js', [...base, ...args]);
  };

  it.each(['legacy', 'modern'])('lists and calls our tools (%s)', async (era) => {
    const listed = await inspect('--method', 'tools/list', '--protocol-era', era);
    expect(listed.code).toBe(0);
    expect(listed.output).toContain('"calculator"');
    expect(listed.output).toContain('"test_simple_text"');
    const call = ['--method', 'tools/call', '--protocol-era', era, '--tool-name'];
    const own = await inspect(...call, 'calculator', '--tool-arg', 'expression=6*7');
    expect([own.code, own.output.includes('42')]).toEqual([0, true]);
    const forwarded = await inspect(...call, 'test_simple_text');
    expect([forwarded.code, forwarded.output.includes('simple text response')]).toEqual([0, true]);
    // 5: the tool says that it failed.
    expect((await inspect(...call, 'test_error_handling')).code).toBe(5);
  });
});

describe('what goes on to an upstream', () => {
  it('is never the token that the caller came with', async () => {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'test_simple_text', arguments: {} } };
    const before = fixture.seen.length;
    const secrets = { authorization: 'Bearer canary-7f3a', cookie: 'session=canary-7f3a' };
    await (
      await fetch(stack.url, { method: 'POST', headers: { ...headers, ...secrets }, body: JSON.stringify(call) })
    ).text();
    expect(fixture.seen.length).toBeGreaterThan(before);
    expect(JSON.stringify(fixture.seen)).not.toContain('canary-7f3a');
  });
});
