import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createLogger } from '@switchyard/platform';
import { createSafeFetch } from '@switchyard/safe-fetch';
import { judgeUpstream, probeUpstream } from '../src/doctor-upstreams.ts';
import { parseUpstreams } from '../src/upstreams/connections/config.ts';
import { processesWith } from './processes-with.ts';

/** What the doctor sees of MCP servers, well and ill, as real processes and over HTTP. */

const PROCESS = fileURLToPath(new URL('upstream-stdio-server.mjs', import.meta.url));
const log = createLogger({ app: 'test', level: 'silent' });
let closed: Server;

beforeAll(async () => {
  closed = createServer((_request, response) => response.writeHead(401, { 'www-authenticate': 'Bearer' }).end());
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  closed.closeAllConnections();
  return new Promise((resolve) => closed.close(resolve));
});

async function told(settings: object) {
  const parsed = parseUpstreams(JSON.stringify({ upstreams: { it: settings } }));
  if (!('upstreams' in parsed)) throw new Error(JSON.stringify(parsed));
  const [upstream] = parsed.upstreams;
  const { url } = upstream!;
  const fetch = createSafeFetch({ allowHosts: url === undefined ? [] : [new URL(url).host] });
  const seen = await probeUpstream(upstream!, { fetch, log, limitMs: 20_000, read: () => undefined });
  return judgeUpstream(upstream!, seen, 0);
}

it('starts a process for its question and ends it, and tells how many tools it has', async () => {
  const marker = `doctor-${process.pid}`;
  const finding = await told({ command: process.execPath, args: [PROCESS, marker], sandbox: { mode: 'off' } });
  expect(finding).toMatchObject({
    status: 'ok',
    sentence: expect.stringMatching(/^it answers with \d+ tools over MCP/),
  });
  expect(processesWith(marker)).toEqual([]);
});

it('shows what a process wrote that died, and tells a server that wants a login from one that is gone', async () => {
  const script = 'console.error("no module named db"); process.exit(1)';
  const dead = await told({ command: process.execPath, args: ['-e', script] });
  expect(dead).toMatchObject({ status: 'fail' });
  expect(dead.evidence).toContain('it wrote: no module named db');
  const url = `http://127.0.0.1:${(closed.address() as AddressInfo).port}/mcp`;
  expect(await told({ url })).toMatchObject({ status: 'fail', sentence: expect.stringContaining('set auth: oauth') });
  expect(await told({ url, auth: 'oauth' })).toMatchObject({ status: 'ok' });
  expect(await told({ url: 'http://127.0.0.1:9/mcp' })).toMatchObject({
    status: 'fail',
    sentence: expect.stringContaining('could not be reached'),
  });
});
