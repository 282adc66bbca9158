import { readFileSync } from 'node:fs';
import { type DoctorGroup, type Finding, found, toCheck } from '@switchyard/contracts';
import { createLogger, parseConfig } from '@switchyard/platform';
import {
  createSafeFetch,
  mappedJid,
  SERVICE_MAP_VARIABLES,
  serviceMapOf,
  withoutFallback,
} from '@switchyard/safe-fetch';
import { openStore } from '@switchyard/store';
import { z } from 'zod';
import { judgeUpstream, probeUpstream } from './doctor-upstreams.ts';
import { parseUpstreams, type UpstreamConfig } from './upstreams/connections/config.ts';

/*
 * Runs the checks of the MCP upstreams; prints one JSON document per line on stdout. It reads the environment of the
 * service, and of it only what these checks need.
 */

const MAX_WAITING = 10_000;
const AT_ONCE = 4;
const group: DoctorGroup = 'mcp';
const Variables = z.object({
  DOCTOR_LIMIT_MS: z.coerce.number().positive().default(5_000),
  DATABASE_URL: z.string().optional(),
  MCP_UPSTREAMS: z.string().optional(),
  ...SERVICE_MAP_VARIABLES,
});

function tell(number: number, name: string, finding: Finding, since: number): void {
  const check = toCheck({ number, group, name: name.slice(0, 64) }, finding, performance.now() - since);
  process.stdout.write(`${JSON.stringify(check)}\n`);
}

const began = performance.now();
const parsed = parseConfig(Variables, process.env);
if (!parsed.ok) {
  const [problem] = parsed.problems;
  tell(43, 'MCP upstreams', found.fail(`${problem?.variable} is not valid: ${problem?.remedy}`), began);
} else await checkUpstreams(parsed.value);
// Exits even while a probe is still running.
process.stdout.write('', () => process.exit());

async function checkUpstreams(variables: z.output<typeof Variables>): Promise<void> {
  const file = variables.MCP_UPSTREAMS;
  if (file === undefined)
    return tell(43, 'MCP upstreams', found.skipped('MCP_UPSTREAMS is not set: there are none.'), began);
  const read = upstreamsIn(file);
  if ('mistakes' in read)
    return tell(
      43,
      'MCP upstreams',
      found.fail(`${file} is not as it should be: ${read.mistakes[0]}`, read.mistakes),
      began,
    );
  const { upstreams } = read;
  const names = upstreams.map(({ name }) => name);
  tell(
    43,
    'MCP upstreams',
    found.ok(`${file} names ${upstreams.length === 1 ? 'one MCP server' : `${upstreams.length} MCP servers`}.`, names),
    began,
  );
  const waiting = await waitingIn(variables.DATABASE_URL);
  const left = [...upstreams];
  const work = async (): Promise<void> => {
    for (let upstream = left.shift(); upstream; upstream = left.shift()) await check(upstream, waiting, variables);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function check(
  upstream: UpstreamConfig,
  waiting: ReadonlyMap<string, number> | undefined,
  variables: z.output<typeof Variables>,
): Promise<void> {
  const since = performance.now();
  const { name, url } = upstream;
  const serviceMap = withoutFallback(serviceMapOf(variables));
  const jid = url === undefined ? undefined : mappedJid(serviceMap, new URL(url));
  if (jid !== undefined) {
    const where = `${name} is reached over XMPP alone: check 22 says whether ${jid} is there.`;
    return tell(44, `upstream ${name}`, found.skipped(where), since);
  }
  const limitMs = variables.DOCTOR_LIMIT_MS;
  const log = createLogger({ app: 'doctor', level: 'silent' });
  const allowHosts = url === undefined ? [] : [new URL(url).host];
  const fetch = createSafeFetch({ serviceMap, allowHosts, timeoutMs: limitMs, totalTimeoutMs: 2 * limitMs });
  const seen = await probeUpstream(upstream, { fetch, log, limitMs, read: (variable) => process.env[variable] });
  const count = waiting === undefined ? undefined : (waiting.get(name) ?? 0);
  tell(44, `upstream ${name}`, judgeUpstream(upstream, seen, count), since);
}

function upstreamsIn(file: string): { upstreams: readonly UpstreamConfig[] } | { mistakes: readonly string[] } {
  try {
    const found = parseUpstreams(readFileSync(file, 'utf8'));
    if ('upstreams' in found) return found;
    return { mistakes: found.mistakes.map(({ line, message }) => `${file}:${line}: ${message}`) };
  } catch (error) {
    return { mistakes: [`it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`] };
  }
}

/** By upstream, how many definitions wait for a person. Undefined if no service could be asked: check 31 says why. */
async function waitingIn(url: string | undefined): Promise<ReadonlyMap<string, number> | undefined> {
  if (url === undefined || url === '') return undefined;
  const log = createLogger({ app: 'doctor', level: 'silent' });
  const store = openStore({ url, app: 'mcp-tool', maxConnections: 1, log });
  try {
    const counts = new Map<string, number>();
    for (const { upstream } of await store.toolPins.waiting({ limit: MAX_WAITING }))
      counts.set(upstream, (counts.get(upstream) ?? 0) + 1);
    return counts;
  } catch {
    return undefined;
  } finally {
    await store.close().catch(() => undefined);
  }
}
