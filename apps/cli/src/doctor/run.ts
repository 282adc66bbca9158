import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { DoctorCheck, type DoctorReport } from '@switchyard/contracts';
import { join } from 'node:path';
import type { Workspace } from '../environment/workspace.ts';

/** How a part of the diagnosis ended, beside its checks. */
export interface PartEnd {
  readonly code: number;
  /** Its output on stderr. */
  readonly said: string;
}

function entryOf(workspace: Workspace, project: string): string {
  return join(workspace.root, project, 'dist', 'doctor-main.js');
}

/** False before the first build. */
export function isBuilt(workspace: Workspace, project: string): boolean {
  return existsSync(entryOf(workspace, project));
}

const MAX_SAID = 4_000;

/** Runs one part of the diagnosis in a process of its own, where what it needs is; hands each check on as it comes. */
export function runPart(
  workspace: Workspace,
  project: 'apps/xmpp-bridge' | 'apps/orchestrator' | 'apps/mcp-tool' | 'apps/a2a' | 'libs/store',
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  onCheck: (check: DoctorCheck) => void,
): Promise<PartEnd> {
  const child = spawn(process.execPath, [entryOf(workspace, project), ...args], {
    cwd: workspace.root,
    env: { ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said = (said + bytes.toString('utf8')).slice(0, MAX_SAID)));
  createInterface({ input: child.stdout }).on('line', (line) => {
    const check = checkIn(line);
    if (check) onCheck(check);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, said: said.trim() }));
  });
}

/** A line that is no check is somebody else's. */
function checkIn(line: string): DoctorCheck | undefined {
  try {
    const parsed = DoctorCheck.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** The overall report of all checks. Pure. */
export function reportOf(checks: readonly DoctorCheck[], isConfig: boolean): DoctorReport {
  const failed = checks.find(({ status }) => status === 'fail');
  const warned = checks.find(({ status }) => status === 'warn');
  // Where the configuration is what is to be mended, the first check says so, even as one that is left out.
  const told = failed ?? (isConfig ? checks[0] : warned);
  const unasked = checks.find(({ status, sentence }) => status === 'skipped' && sentence.startsWith('Nothing runs'));
  const well = unasked?.sentence ?? 'Everything that was asked is well.';
  const verdict = isConfig ? 'config' : failed ? 'fail' : warned ? 'warn' : 'ok';
  return { version: 1, verdict, sentence: told?.sentence ?? well, checks: [...checks] };
}
