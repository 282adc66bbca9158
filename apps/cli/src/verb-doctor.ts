import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isPortFree, SERVERS } from '@switchyard/local-servers';
import { hasOwnModel } from './environment.ts';
import { portOwner } from './port-owner.ts';
import { runningSupervisor } from './records.ts';
import { gatewayAddress, modelLine } from './settings.ts';
import { EXIT } from './user-error.ts';
import type { VerbContext } from './verb.ts';
import { badChecks } from './verb-stack.ts';

const PROBE_LIMIT_MS = 5_000;

interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly text: string;
}

function nodeFinding(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return {
    name: 'node',
    ok: major > 20 || (major === 20 && minor >= 19),
    text: `${process.versions.node} (20.19 or newer)`,
  };
}

function serverFindings(environment: VerbContext['environment']): Finding[] {
  return SERVERS.map(({ name, aptPackage, replacedBy, find }) => {
    if (environment[replacedBy]) return { name, ok: true, text: `a server of yours, by ${replacedBy}` };
    const binary = find();
    return { name, ok: binary !== undefined, text: binary ?? `not installed: apt-get install ${aptPackage}` };
  });
}

async function portFinding(environment: VerbContext['environment'], running: string | undefined): Promise<Finding> {
  if (running) return { name: 'port', ok: true, text: `the gateway of this clone has ${new URL(running).port}` };
  const { port } = gatewayAddress(environment);
  if (await isPortFree(port)) return { name: 'port', ok: true, text: `${port} is free for the gateway` };
  const owner = portOwner(port);
  const by = owner ? `process ${owner.pid} (${owner.command})` : 'a process of another account';
  return { name: 'port', ok: false, text: `${port} is taken by ${by}; choose another with GATEWAY_PORT` };
}

async function gatewayFinding(url: string | undefined): Promise<Finding> {
  if (!url) return { name: 'gateway', ok: false, text: 'not running: ./switchyard up --detach' };
  try {
    const response = await fetch(`${url}/readiness`, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
    const bad = badChecks(await response.json().catch(() => undefined));
    return {
      name: 'gateway',
      ok: response.ok,
      text: response.ok ? `ready at ${url}` : `not ready: ${bad.join('; ') || response.status}`,
    };
  } catch (error) {
    return {
      name: 'gateway',
      ok: false,
      text: `no answer at ${url}: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

/** Whether the person's model lets this key in; a list of models costs nothing. */
async function modelFinding(environment: VerbContext['environment']): Promise<Finding> {
  const line = modelLine(environment);
  if (!hasOwnModel(environment)) return { name: 'model', ok: true, text: line };
  const base = environment['OPENAI_BASE_URL'] || 'https://api.openai.com/v1';
  try {
    const response = await fetch(`${base.replace(/\/$/, '')}/models`, {
      headers: { Authorization: `Bearer ${environment['OPENAI_API_KEY']}` },
      signal: AbortSignal.timeout(PROBE_LIMIT_MS),
    });
    const refused = response.status === 401 || response.status === 403;
    return { name: 'model', ok: !refused, text: refused ? `${base} refuses the key (${response.status})` : line };
  } catch {
    return { name: 'model', ok: false, text: `${base} does not answer` };
  }
}

/** `doctor`: one line per check; exit code 0 only where all are well. */
export async function doctor({ place, environment, print, paint }: VerbContext): Promise<number> {
  const running = runningSupervisor(place)?.gatewayUrl;
  const built = existsSync(join(place.root, 'apps', 'gateway', 'dist', 'main.js'));
  const findings: Finding[] = [
    nodeFinding(),
    { name: 'packages', ok: existsSync(join(place.root, 'node_modules')), text: 'node_modules' },
    { name: 'build', ok: built, text: built ? 'apps are built' : 'not built: ./switchyard up builds' },
    ...serverFindings(environment),
    await portFinding(environment, running),
    await gatewayFinding(running),
    await modelFinding(environment),
  ];
  for (const { name, ok, text } of findings)
    print(`${paint(ok ? 'good' : 'bad', ok ? 'ok ' : 'BAD')}  ${name.padEnd(9)} ${text}`);
  return findings.every(({ ok }) => ok) ? EXIT.ok : EXIT.failed;
}
