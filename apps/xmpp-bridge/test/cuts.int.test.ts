import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { AppError, type RequestOf, xmppRequest } from '@switchyard/contracts';
import { type ProsodyServer, startProsody } from '@switchyard/local-servers';
import { until } from '@switchyard/testing';
import { Authority } from './certificates.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { Organisation } from './organisation.ts';

/*
 * Requests of two organisations while their connections are cut at random moments. A long round:
 * CUTS_REQUESTS=10000 CUTS_SEED=7 in the environment.
 */

const REQUESTS = Number(process.env['CUTS_REQUESTS'] ?? 600);
const SEED = Number(process.env['CUTS_SEED'] ?? 1);
const AT_ONCE = 24;
const DEADLINE_MS = 15_000;
/** Between two cuts, as many requests as this are begun at least, and twice that at most. */
const PER_CUT = 60;
/** A caller is told by its deadline; a machine that stands still for a moment is forgiven. */
const GRACE_MS = 5_000;

jest.setTimeout(Math.max(120_000, REQUESTS * 60));

const USERS = { ada: 'pw-ada', bob: 'pw-bob' };
let dir: string;
let authority: Authority;
let prosody: ProsodyServer;
let ada: Organisation;
let bob: Organisation;
const ways: CuttingProxy[] = [];

beforeAll(async () => {
  authority = new Authority();
  dir = mkdtempSync(join(tmpdir(), 'switchyard-cuts-'));
  chmodSync(dir, 0o755);
  const tls = authority.issue('xmpp.test');
  prosody = await startProsody({ dir: join(dir, 'prosody'), domain: 'xmpp.test', users: USERS, tls });
  const policy = join(dir, 'policy.json');
  const rule = { methods: ['GET', 'POST'], paths: ['/a2a*'], perMinute: 100_000, maxBodyKb: 1_024 };
  writeFileSync(policy, JSON.stringify({ 'ada@xmpp.test': rule }));
  ways.push(await CuttingProxy.start(prosody.port), await CuttingProxy.start(prosody.port));
  const caFile = join(authority.dir, 'ca.pem');
  const at = (n: number) => ({ dir, caFile, port: ways[n]!.port });
  bob = await Organisation.start({ ...at(1), account: 'bob@xmpp.test', env: { AZTM_PEER_POLICY: policy } });
  const env = { SERVICE_MAP: '{"bob.example": "bob@xmpp.test"}', AZTM_SERVER_MODE: 'false', AZTM_PEER_POLICY: policy };
  ada = await Organisation.start({ ...at(0), account: 'ada@xmpp.test', env });
});
afterAll(async () => {
  await ada?.stop();
  await bob?.stop();
  for (const way of ways) await way.stop();
  await prosody?.stop();
  authority?.remove();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

/** Numbers in [0, 1) that a seed decides (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe(`${REQUESTS} requests with cuts by seed ${SEED}`, () => {
  it('all end by their deadline, with their own answer or a typed error; no effect happens twice', async () => {
    const chance = random(SEED);
    const effects = new Map<string, number>();
    bob.answer = async ({ body }) => {
      const name = Buffer.from(body, 'base64').toString().slice(0, 12).trim();
      effects.set(name, (effects.get(name) ?? 0) + 1);
      await sleep(effects.size % 40);
      return { status: 200, headers: [], body };
    };
    const outcomes = new Map<string, number>();
    const wrong: string[] = [];
    let begun = 0;
    let cuts = 0;
    let nextCut = PER_CUT;

    const cut = (): void => {
      cuts += 1;
      nextCut = begun + PER_CUT + Math.floor(chance() * PER_CUT);
      const which = chance();
      if (which < 0.6) ways[0]!.cut();
      if (which > 0.4) ways[1]!.cut();
      // An operator who is told to try at once: a login that keeps breaking would be tried ever more slowly.
      setTimeout(() => process.emit('SIGHUP', 'SIGHUP'), 100);
    };
    const one = async (n: number): Promise<void> => {
      const name = String(n).padEnd(12);
      const kind = (['keyed', 'safe', 'plain'] as const)[n % 3]!;
      const body = Buffer.from(name + 'x'.repeat(Math.floor(chance() * (n % 50 === 0 ? 150_000 : 2_000))));
      const request: RequestOf<typeof xmppRequest> = {
        host: 'bob.example',
        method: kind === 'safe' ? 'GET' : 'POST',
        resource: '/a2a',
        headers: kind === 'keyed' ? [['idempotency-key', `k-${n}`]] : [],
        body: body.toString('base64'),
      };
      const pieces: Buffer[] = [];
      const onProgress = (frame: unknown): void => {
        const { chunk } = frame as { chunk?: string };
        if (chunk !== undefined) pieces.push(Buffer.from(chunk, 'base64'));
      };
      const start = Date.now();
      const outcome = await ada.out.request(xmppRequest, request, { timeoutMs: DEADLINE_MS, onProgress }).then(
        (answer) => {
          const got = pieces.length > 0 ? Buffer.concat(pieces) : Buffer.from(answer.body, 'base64');
          if (answer.status === 200 && !got.equals(body)) wrong.push(`${n}: the answer of another request`);
          return String(answer.status);
        },
        (error: unknown) => {
          if (!(error instanceof AppError) || error.code === 'internal') wrong.push(`${n}: ${String(error)}`);
          return error instanceof AppError ? error.code : 'untyped';
        },
      );
      if (Date.now() - start > DEADLINE_MS + GRACE_MS)
        wrong.push(`${n}: ended ${Date.now() - start} ms after it began`);
      outcomes.set(`${kind} ${outcome}`, (outcomes.get(`${kind} ${outcome}`) ?? 0) + 1);
      if (outcome === 'unavailable' || outcome === 'agent_unreachable') await sleep(100);
    };
    const worker = async (): Promise<void> => {
      while (begun < REQUESTS) {
        begun += 1;
        const mine = one(begun);
        if (begun >= nextCut) cut();
        await mine;
      }
    };
    const start = Date.now();
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const twice = [...effects].filter(([name, count]) => count > 1 && Number(name) % 3 !== 1);
    if (process.env['CUTS_REQUESTS'] !== undefined)
      process.stderr.write(
        `${JSON.stringify({ seed: SEED, requests: begun, cuts, seconds: (Date.now() - start) / 1_000, ...Object.fromEntries([...outcomes].sort()) }, null, 1)}\n`,
      );
    expect({ wrong, twice }).toEqual({ wrong: [], twice: [] });
    expect([...outcomes.values()].reduce((sum, count) => sum + count, 0)).toBe(REQUESTS);
    expect(cuts).toBeGreaterThan(2);
    expect(outcomes.get('keyed 200')).toBeGreaterThan(0);
    // A request that was kept waiting is not forgotten by either side.
    await until(async () => (await ada.gauge('xmpp_requests_open')) === 0, 30_000);
  });
});
