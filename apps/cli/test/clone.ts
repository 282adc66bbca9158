import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StatusFile } from '../src/environment/process-files.ts';

/*
 * A clone whose services are small stand-ins: what is tested with it is that processes start, come back and end, not what
 * they do.
 */

export const repository = fileURLToPath(new URL('../../..', import.meta.url));
const SERVICE = `import { createServer } from 'node:http';
const port = Number(process.env.GATEWAY_PORT ?? process.env.OPS_PORT ?? process.env.DEV_MODEL_PORT ?? process.env.MOCK_A2A_PORT);
createServer((request, response) => {
  if (request.url === '/environment') return response.end(JSON.stringify(process.env));
  if (request.method === 'POST') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    return response.end('id: R:1\\nevent: orchestrator.task.completed\\ndata: {"status":"success","total_steps":0,"failed_steps":0}\\n\\n' +
      'id: R:1\\nevent: response\\ndata: {"status":"success","answer":"It is 42."}\\n\\nid: R:1\\nevent: response.completed\\ndata: {}\\n\\n');
  }
  response.end('{"checks":{}}');
}).listen(port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));`;

/** Variables of the person that look like secrets, and the processes that are to see them. */
export const CANARIES: Readonly<Record<string, readonly string[]>> = {
  JWT_HS256_SECRET: ['gateway'],
  EDGE_SHARED_SECRET: ['gateway'],
  VAULT_KEYS: ['mcp-tool'],
  A2A_SIGNING_KEYS: ['a2a'],
  MCP_STATE_SECRET: ['mcp-tool'],
  TOOL_SECRET_BOOKS: ['mcp-tool'],
  UPSTREAM_TOKEN: ['mcp-tool'], // Named by the file of MCP_UPSTREAMS.
  AWS_SECRET_ACCESS_KEY: [],
  SUPABASE_SERVICE_KEY: [],
  PGPASSWORD: [],
};
export const canaryOf = (name: string): string => `canary-${name}-0123456789`;

export const APPS = ['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'audit', 'xmpp-bridge', 'dev-model', 'mock-a2a'];

export function makeClone(): string {
  const root = mkdtempSync(join(tmpdir(), 'switchyard-clone-'));
  chmodSync(root, 0o711); // Else root's PostgreSQL and Prosody would keep their data elsewhere, out of our reach.
  const put = (path: string, text: string): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  put(
    'package.json',
    JSON.stringify({ name: 'clone', version: '9.9.9', private: true, type: 'module', workspaces: ['libs/*'] }),
  );
  put(
    'libs/store/package.json',
    JSON.stringify({ name: '@switchyard/store', version: '1.0.0', scripts: { migrate: 'echo >> ../../migrated' } }),
  );
  for (const app of APPS) put(`apps/${app}/dist/main.js`, SERVICE);
  const reader = join(repository, 'apps/mcp-tool/dist/file-variables-main.js');
  put('apps/mcp-tool/dist/file-variables-main.js', `import ${JSON.stringify(reader)};`);
  put('upstreams.yaml', 'upstreams: { local: { command: helper, env: [UPSTREAM_TOKEN] } }');
  return root;
}

/** Calls the built command for a clone, as a person would. */
export function call(root: string, port: number, ...args: string[]) {
  const cli = join(repository, 'apps', 'cli', 'dist', 'main.js');
  const program = `const { main } = await import(${JSON.stringify(cli)}); process.exitCode = await main(process.argv.slice(1), ${JSON.stringify(root)});`;
  const { OPENAI_API_KEY: _, NATS_URL: _n, DATABASE_URL: _d, REDIS_URL: _r, NODE_ENV: _e, ...own } = process.env;
  const canaries = Object.fromEntries(Object.keys(CANARIES).map((name) => [name, canaryOf(name)]));
  const env = { ...own, ...canaries, MCP_UPSTREAMS: join(root, 'upstreams.yaml') };
  return [
    process.execPath,
    ['--input-type=module', '-e', program, '--', ...args],
    { cwd: root, env: { ...env, GATEWAY_PORT: String(port) }, encoding: 'utf8' as const },
  ] as const;
}

/** The same call with more in its environment. */
export function withVariables([command, args, options]: ReturnType<typeof call>, more: Record<string, string>) {
  return [command, args, { ...options, env: { ...options.env, ...more } }] as const;
}

export const processes = (root: string): StatusFile['processes'] =>
  (JSON.parse(readFileSync(join(root, '.switchyard', 'status.json'), 'utf8')) as StatusFile).processes;
