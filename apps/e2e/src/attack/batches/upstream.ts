import { setTimeout as sleep } from 'node:timers/promises';
import { type Attack, type Batch, devHeaders, type HttpCase, tryHttp } from '../kit/index.ts';

/* An MCP upstream that floods, crashes, never answers, forges messages and looks for secrets. */

const name = 'upstream';
const TOOLS = [
  'environment',
  'stray_lines',
  'one_long_line',
  'complaints',
  'huge_result',
  'stray_requests',
  'forged_answers',
  'silence',
  'crash',
  'wrong_shape',
  'poisoned',
] as const;
/** mcp-tool restarts an upstream that died within this time. */
const BACK_WITHIN_MS = 10_000;

const call = (tool: string): HttpCase => ({
  name: `a call of ${tool}`,
  method: 'POST',
  path: `/tools/evil__${tool}/call`,
  headers: devHeaders({ tenant: 'evil', user: 'mallory', role: 'user' }),
  body: '{"arguments":{}}',
  wants: [200, 429, 503, 504],
});

/** The last answer of a tool that did not recover in time. */
async function missing(attack: Attack): Promise<string | undefined> {
  const until = Date.now() + BACK_WITHIN_MS;
  for (;;) {
    const { status, body } = await tryHttp(attack, name, call('environment'));
    if (body.includes('this is what there is')) return undefined;
    if (Date.now() > until) return `${status} ${body.slice(0, 200)}`;
    await sleep(500);
  }
}

export const upstream: Batch = {
  name,
  about: 'a hostile MCP server over stdio: floods, crashes, silence, forged answers, a look for secrets',
  run: async (attack) => {
    for (const tool of TOOLS) {
      // Two calls at once: the flood of one must not replace the answer of the other.
      await Promise.all([tryHttp(attack, name, call(tool)), tryHttp(attack, name, call('poisoned'))]);
      const last = await missing(attack);
      if (last === undefined) continue;
      const what = `its tools cannot be used any more: ${last}`;
      attack.findings.add({ batch: name, case: `after ${tool}`, what });
    }
  },
};
