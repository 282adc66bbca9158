import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Config } from '../src/config.ts';
import { type TestGateway, startTestGateway } from './http.ts';

const TOKEN = 'of-the-operator-1234';
const EDGE = { IDENTITY_MODE: 'edge', EDGE_SHARED_SECRET: 's'.repeat(32) };
const OPERATIONS = ['/metrics', '/metrics-debug', '/config'];
const BEARER = { headers: { authorization: `Bearer ${TOKEN}` } };

describe('the port for operations of the gateway', () => {
  let gateway: TestGateway;
  let ops: string;
  beforeAll(async () => {
    gateway = await startTestGateway({ ...EDGE, OPS_TOKEN: TOKEN, OPS_ON_GATEWAY_PORT: 'false' });
    ops = `http://127.0.0.1:${gateway.gateway.opsPort}`;
  });
  afterAll(() => gateway.stop());

  it.each(OPERATIONS)('shows %s to the bearer of OPS_TOKEN, and the public port shows it to nobody', async (path) => {
    expect((await fetch(`${ops}${path}`)).status).toBe(401);
    expect((await fetch(`${ops}${path}`, BEARER)).status).toBe(200);
    const here = await fetch(`${gateway.url}${path}`, BEARER);
    expect([here.status, here.headers.get('allow')]).toEqual([404, null]);
  });

  it('counts what the public port answered', async () => {
    await fetch(`${gateway.url}/health`);
    const text = await (await fetch(`${ops}/metrics`, BEARER)).text();
    expect(text).toMatch(/http_request_duration_seconds_count\{(?=.*route="\/health").*\} [1-9]/);
    const { requests } = (await (await fetch(`${ops}/metrics-debug`, BEARER)).json()) as { requests: number };
    expect(requests).toBeGreaterThan(0);
  });

  it('says of life and readiness what the public port says', async () => {
    for (const path of ['/health', '/readiness']) {
      const [here, there] = [await fetch(`${gateway.url}${path}`), await fetch(`${ops}${path}`)];
      expect([there.status, await there.json()]).toEqual([here.status, await here.json()]);
    }
  });

  it('is not the only place in development, or where a switch says so', () => {
    const at = (env: Record<string, string>) => Config.parse({ BUS_TRUST: 'open', ...env }).opsOnGatewayPort;
    expect([at({}), at({ OPS_ON_GATEWAY_PORT: 'false' })]).toEqual([true, false]);
    expect([at(EDGE), at({ ...EDGE, OPS_ON_GATEWAY_PORT: 'true' })]).toEqual([false, true]);
  });
});
