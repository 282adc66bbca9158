import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type DoctorCheck, type DoctorGroup, type Finding, found, toCheck } from '@switchyard/contracts';
import { isPortFree, OPTIONAL_PACKAGES, SERVERS } from '@switchyard/local-servers';
import { portOwner } from '../environment/port-owner.ts';
import { readStatus, runningSupervisor } from '../environment/process-files.ts';
import { gatewayAddress } from '../environment/settings.ts';
import type { VerbContext } from '../command-line/verb.ts';

/*
 * The checks of this machine and of what runs on it (25 to 29, and 41: what the running services say of themselves). A
 * failure of one does not hide the others.
 */

const PROBE_LIMIT_MS = 5_000;
const { ok, fail, skipped } = found;

export async function machineChecks(
  context: VerbContext,
  asks: (group: DoctorGroup) => boolean,
): Promise<DoctorCheck[]> {
  if (!asks('machine')) return [];
  return [
    await checked(25, 'node', nodeFinding),
    await checked(26, 'packages and build', () => buildFinding(context)),
    await checked(27, 'servers', () => serverFinding(context)),
    await checked(28, 'port of the gateway', () => portFinding(context)),
    await checked(29, 'gateway', () => gatewayFinding(context)),
  ];
}

/** Told last: by then it is known whether what the services need is there. */
export async function serviceChecks(
  context: VerbContext,
  asks: (group: DoctorGroup) => boolean,
): Promise<DoctorCheck[]> {
  return asks('machine') ? [await checked(41, 'services', () => servicesFinding(context))] : [];
}

async function checked(number: number, name: string, find: () => Finding | Promise<Finding>): Promise<DoctorCheck> {
  const began = performance.now();
  const finding = await find();
  return toCheck({ number, group: 'machine', name }, finding, performance.now() - began);
}

function nodeFinding(): Finding {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const isNew = major > 20 || (major === 20 && minor >= 19);
  return isNew ? ok(`Node.js ${node}.`) : fail(`Node.js is ${node}; 20.19 or newer is needed.`);
}

function buildFinding({ workspace }: VerbContext): Finding {
  if (!existsSync(join(workspace.root, 'node_modules')))
    return fail('Packages are not installed: ./switchyard up does it.');
  const isBuilt = existsSync(join(workspace.root, 'apps', 'gateway', 'dist', 'main.js'));
  return isBuilt ? ok('Packages are installed, apps are built.') : fail('Apps are not built: ./switchyard up builds.');
}

const WITHOUT = { bubblewrap: 'not installed: MCP servers that are processes run without a sandbox' };

function serverFinding({ environment }: VerbContext): Finding {
  const lines = SERVERS.map(({ name, aptPackage, replacedBy, find }) => {
    if (environment[replacedBy]) return { line: `${name}: a server of yours, by ${replacedBy}`, missing: '' };
    const binary = find();
    return { line: `${name}: ${binary ?? 'not installed'}`, missing: binary === undefined ? aptPackage : '' };
  });
  const missing = lines.map((each) => each.missing).filter(Boolean);
  const optional = OPTIONAL_PACKAGES.map(({ name, find }) => `${name}: ${find() ?? WITHOUT[name]}`);
  const evidence = [...lines.map(({ line }) => line), ...optional];
  if (missing.length > 0) return fail(`Servers are missing: apt-get install ${missing.join(' ')}`, evidence);
  return ok('Every server that is needed is there.', evidence);
}

async function portFinding({ workspace, environment }: VerbContext): Promise<Finding> {
  const running = runningSupervisor(workspace)?.gatewayUrl;
  if (running) return ok(`The gateway of this clone has port ${new URL(running).port}.`);
  const { port } = gatewayAddress(environment);
  if (await isPortFree(port)) return ok(`Port ${port} is free for the gateway.`);
  const owner = portOwner(port);
  const by = owner ? `process ${owner.pid} (${owner.command})` : 'a process of another account';
  return fail(`Port ${port} is taken by ${by}; choose another with GATEWAY_PORT.`);
}

async function gatewayFinding({ workspace }: VerbContext): Promise<Finding> {
  const url = runningSupervisor(workspace)?.gatewayUrl;
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

/** Checks the readiness of each running service. */
async function servicesFinding({ workspace }: VerbContext): Promise<Finding> {
  const services = readStatus(workspace).processes.filter(({ name }) => SERVICES.test(name));
  if (services.length === 0) return skipped('Not reached: nothing runs in this clone.');
  const all = await Promise.all(services.map(async ({ name, url }) => ({ name, ...(await readiness(name, url)) })));
  const evidence = all.flatMap(({ checks }) =>
    checks.map(({ service, name, ok: isWell, detail }) =>
      `${service}: ${name} ${isWell ? 'well' : 'not well'} ${detail}`.trim(),
    ),
  );
  const bad = all.find(({ ready }) => !ready);
  if (!bad) return ok(`All ${all.length} services are ready.`, evidence);
  const why = bad.checks.find((check) => !check.ok);
  return fail(`${bad.name} is not ready: ${why ? `${why.name} ${why.detail}` : bad.why}.`, evidence);
}
