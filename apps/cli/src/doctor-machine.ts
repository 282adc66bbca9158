import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DoctorCheck, DoctorGroup } from '@switchyard/contracts';
import { isPortFree, SERVERS } from '@switchyard/local-servers';
import { modelChecks } from './doctor-model.ts';
import { portOwner } from './port-owner.ts';
import { readStatus, runningSupervisor } from './records.ts';
import { gatewayAddress } from './settings.ts';
import type { VerbContext } from './verb.ts';

/*
 * The checks beside the AZTM login: this machine (25 to 29), what the running services say of NATS, PostgreSQL and
 * Redis (30 to 32), and the model (33 and 34). A failure of one does not hide the others.
 */

const PROBE_LIMIT_MS = 5_000;

type Finding = Pick<DoctorCheck, 'status' | 'sentence'> & { readonly evidence?: readonly string[] };
const ok = (sentence: string, evidence: readonly string[] = []): Finding => ({ status: 'ok', sentence, evidence });
const fail = (sentence: string, evidence: readonly string[] = []): Finding => ({ status: 'fail', sentence, evidence });
const skipped = (sentence: string): Finding => ({ status: 'skipped', sentence });

export async function machineChecks(
  context: VerbContext,
  asks: (group: DoctorGroup) => boolean,
): Promise<DoctorCheck[]> {
  const checks: DoctorCheck[] = [];
  const add = async (number: number, group: DoctorGroup, name: string, find: () => Finding | Promise<Finding>) => {
    if (!asks(group)) return;
    const began = performance.now();
    const { status, sentence, evidence = [] } = await find();
    const ms = Math.round((performance.now() - began) * 10) / 10;
    checks.push({
      number,
      group,
      name,
      status,
      sentence: sentence.slice(0, 1_000),
      evidence: evidence.slice(0, 64).map((line) => line.slice(0, 2_000)),
      ms,
    });
  };
  const said = asks('nats') || asks('postgres') || asks('redis') ? await readinessOfServices(context) : [];
  await add(25, 'machine', 'node', nodeFinding);
  await add(26, 'machine', 'packages and build', () => buildFinding(context));
  await add(27, 'machine', 'servers', () => serverFinding(context));
  await add(28, 'machine', 'port of the gateway', () => portFinding(context));
  await add(29, 'machine', 'gateway', () => gatewayFinding(context));
  await add(30, 'nats', 'NATS', () => ofServices(said, /^(nats|bus)/));
  await add(31, 'postgres', 'PostgreSQL', () => ofServices(said, /^postgres/));
  await add(32, 'redis', 'Redis', () => ofServices(said, /redis/));
  if (asks('model')) {
    const { reached, answered } = await modelChecks(context);
    await add(33, 'model', 'model endpoint', () => reached);
    await add(34, 'model', 'streaming and tools', () => answered);
  }
  return checks;
}

function nodeFinding(): Finding {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const isNew = major > 20 || (major === 20 && minor >= 19);
  return isNew ? ok(`Node.js ${node}.`) : fail(`Node.js is ${node}; 20.19 or newer is needed.`);
}

function buildFinding({ place }: VerbContext): Finding {
  if (!existsSync(join(place.root, 'node_modules')))
    return fail('Packages are not installed: ./switchyard up does it.');
  const isBuilt = existsSync(join(place.root, 'apps', 'gateway', 'dist', 'main.js'));
  return isBuilt ? ok('Packages are installed, apps are built.') : fail('Apps are not built: ./switchyard up builds.');
}

function serverFinding({ environment }: VerbContext): Finding {
  const lines = SERVERS.map(({ name, aptPackage, replacedBy, find }) => {
    if (environment[replacedBy]) return { line: `${name}: a server of yours, by ${replacedBy}`, missing: '' };
    const binary = find();
    return { line: `${name}: ${binary ?? 'not installed'}`, missing: binary === undefined ? aptPackage : '' };
  });
  const missing = lines.map((each) => each.missing).filter(Boolean);
  const evidence = lines.map(({ line }) => line);
  if (missing.length > 0) return fail(`Servers are missing: apt-get install ${missing.join(' ')}`, evidence);
  return ok('Every server that is needed is there.', evidence);
}

async function portFinding({ place, environment }: VerbContext): Promise<Finding> {
  const running = runningSupervisor(place)?.gatewayUrl;
  if (running) return ok(`The gateway of this clone has port ${new URL(running).port}.`);
  const { port } = gatewayAddress(environment);
  if (await isPortFree(port)) return ok(`Port ${port} is free for the gateway.`);
  const owner = portOwner(port);
  const by = owner ? `process ${owner.pid} (${owner.command})` : 'a process of another account';
  return fail(`Port ${port} is taken by ${by}; choose another with GATEWAY_PORT.`);
}

async function gatewayFinding({ place }: VerbContext): Promise<Finding> {
  const url = runningSupervisor(place)?.gatewayUrl;
  if (!url) return skipped('Nothing runs in this clone: ./switchyard up --detach starts it.');
  const { checks, ready, why } = await readiness('gateway', url);
  if (ready) return ok(`The gateway is ready at ${url}.`);
  const bad = checks.filter((check) => !check.ok).map(({ name, detail }) => `${name}: ${detail}`);
  return fail(`The gateway at ${url} is not ready: ${bad.join('; ') || why}.`, bad);
}

interface ServiceCheck {
  readonly service: string;
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

async function readiness(service: string, url: string) {
  try {
    const response = await fetch(`${url}/readiness`, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
    const body = (await response.json()) as { checks?: Record<string, { ok?: unknown; detail?: unknown }> };
    const checks = Object.entries(body.checks ?? {}).map(([name, check]): ServiceCheck => {
      const detail = typeof check.detail === 'string' ? check.detail : '';
      return { service, name, ok: check.ok === true, detail };
    });
    return { checks, ready: response.ok, why: String(response.status) };
  } catch (error) {
    const why = error instanceof Error ? error.message : 'no answer';
    return { checks: [{ service, name: 'answer', ok: false, detail: why }], ready: false, why };
  }
}

const SERVICES = /^(gateway|orchestrator|mcp-tool|a2a|audit|xmpp-bridge)(-\d+)?$/;

/** What each running service says of what it needs: it asks with its own login, so with its own permissions. */
async function readinessOfServices({ place }: VerbContext): Promise<ServiceCheck[]> {
  const services = readStatus(place).processes.filter(({ name }) => SERVICES.test(name));
  const all = await Promise.all(services.map(({ name, url }) => readiness(name, url)));
  return all.flatMap(({ checks }) => checks);
}

function ofServices(said: readonly ServiceCheck[], what: RegExp): Finding {
  const of = said.filter(({ name }) => what.test(name));
  if (of.length === 0) return skipped('No running service says anything of it: ./switchyard up --detach starts them.');
  const evidence = of.map(({ service, ok: isWell, detail }) =>
    `${service}: ${isWell ? 'well' : 'not well'} ${detail}`.trim(),
  );
  const bad = of.find((check) => !check.ok);
  if (bad) return fail(`${bad.service} says: ${bad.detail || 'not reachable'}`, evidence);
  return ok(
    `${of.length === 1 ? 'The service that uses it says' : `All ${of.length} services that use it say`} that it is well.`,
    evidence,
  );
}
