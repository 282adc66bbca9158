import { type Bus, connectBus } from '@switchyard/bus';
import { AppError, type Finding, found, toCheck } from '@switchyard/contracts';
import { busVariables, createLogger, linkAbort, parseConfig } from '@switchyard/platform';
import { carryOverXmpp, createSafeFetch, mappedJid, SERVICE_MAP_VARIABLES, serviceMapOf } from '@switchyard/safe-fetch';
import { z } from 'zod';
import { AgentsText, hostAndPort } from './config.ts';
import type { AgentAddress } from './agents/index.ts';
import { judgeAgent, probeAgent } from './doctor-agents.ts';

/*
 * Runs the checks of other agents; prints one JSON document per line on stdout. It reads the environment of the
 * service, and of it only what these checks need.
 */

const MAX_CARD_BYTES = 1024 ** 2;
const Variables = z.object({
  DOCTOR_LIMIT_MS: z.coerce.number().positive().default(5_000),
  NATS_URL: z.string().optional(),
  BUS_KEYS: busVariables.BUS_KEYS,
  A2A_AGENTS: AgentsText,
  EGRESS_ALLOW_HOSTS: z.string().default(''),
  ...SERVICE_MAP_VARIABLES,
});
type Variables = z.output<typeof Variables>;

function tell(number: number, name: string, finding: Finding, since: number): void {
  const check = toCheck({ number, group: 'a2a', name: name.slice(0, 64) }, finding, performance.now() - since);
  process.stdout.write(`${JSON.stringify(check)}\n`);
}

const began = performance.now();
const parsed = parseConfig(Variables, process.env);
if (!parsed.ok) {
  const [problem] = parsed.problems;
  tell(45, 'A2A agents', found.fail(`${problem?.variable} is not valid: ${problem?.remedy}`), began);
} else await checkAgents(parsed.value);
// Exits even while a probe is still running.
process.stdout.write('', () => process.exit());

async function checkAgents(variables: Variables): Promise<void> {
  const { A2A_AGENTS: agents, DOCTOR_LIMIT_MS: limitMs } = variables;
  if (agents.length === 0)
    return tell(45, 'A2A agents', found.skipped('A2A_AGENTS is not set: there are none.'), began);
  const hosts = agents.map(({ url }) => new URL(url).host);
  tell(
    45,
    'A2A agents',
    found.ok(`A2A_AGENTS names ${agents.length === 1 ? 'one agent' : `${agents.length} agents`}.`, hosts),
    began,
  );
  const serviceMap = serviceMapOf(variables);
  const jidOf = ({ url }: AgentAddress) => mappedJid(serviceMap, new URL(url));
  const bus = agents.some((agent) => jidOf(agent) !== undefined) ? await busOf(variables, limitMs) : undefined;
  const allowed = variables.EGRESS_ALLOW_HOSTS.split(',').flatMap((host) => host.trim() || []);
  const fetch = createSafeFetch({
    timeoutMs: limitMs,
    maxResponseBytes: MAX_CARD_BYTES,
    allowHosts: [...allowed, ...agents.map(({ url }) => hostAndPort(new URL(url)))],
    serviceMap,
    overXmpp: bus ? carryOverXmpp(bus) : () => Promise.reject(new AppError('no_responders')),
  });
  await Promise.all(
    agents.map(async (agent) => {
      const since = performance.now();
      const seen = await probeAgent(agent, { fetch, allowedHosts: allowed, jid: jidOf(agent), limitMs });
      tell(46, `agent ${new URL(agent.url).host}`, judgeAgent(agent, seen), since);
    }),
  );
  await bus?.close();
}

/** The service's way over XMPP, through the running bridge. Undefined if NATS accepts no connection in time. */
async function busOf({ NATS_URL: url, BUS_KEYS: keys }: Variables, limitMs: number): Promise<Bus | undefined> {
  if (url === undefined) return undefined;
  const limit = linkAbort([], limitMs);
  try {
    const log = createLogger({ app: 'doctor', level: 'silent' });
    return await connectBus({ url, trust: keys ?? 'open', app: 'a2a', log, signal: limit.signal });
  } catch {
    return undefined;
  } finally {
    limit.release();
  }
}
