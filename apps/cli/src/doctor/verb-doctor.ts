import { DOCTOR_EXIT, DOCTOR_GROUPS, type DoctorCheck, type DoctorGroup } from '@switchyard/contracts';
import { textOption } from '../command-line/arguments.ts';
import { machineChecks, serviceChecks } from './machine.ts';
import { ownCardCheck } from './own-card.ts';
import { isBuilt, reportOf, runPart } from './run.ts';
import { serverChecks } from './servers.ts';
import { bridgeEnvironment } from '../environment/running-environment.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import type { VerbContext } from '../command-line/verb.ts';

const MARKS = { ok: 'ok  ', warn: 'WARN', fail: 'FAIL', skipped: '-   ' } as const;
const TONES = { ok: 'good', warn: 'plan', fail: 'bad', skipped: 'dim' } as const;

/** `doctor`: what is wrong, in one sentence, with what was seen; the exit code says whether anything is. */
export async function doctor(context: VerbContext): Promise<number> {
  const { workspace, environment, values, print, remark } = context;
  const only = groupOf(textOption(values, 'only'));
  const seconds = secondsOf(textOption(values, 'timeout'));
  const asJson = values['json'] === true;
  const checks: DoctorCheck[] = [];
  const take = (check: DoctorCheck): void => {
    checks.push(check);
    if (!asJson) show(context, check);
  };
  const asks = (group: DoctorGroup): boolean => only === undefined || only === group;

  for (const check of await machineChecks(context, asks)) take(check);
  for (const check of await serverChecks(context, asks, seconds * 1_000)) take(check);
  for (const check of await ownCardCheck(context, asks, seconds * 1_000)) take(check);
  for (const check of await serviceChecks(context, asks)) take(check);

  let code: number = DOCTOR_EXIT.ok;
  if (asks('xmpp') || asks('peers')) {
    if (!isBuilt(workspace, 'apps/xmpp-bridge'))
      throw new UserError('The bridge is not built: ./switchyard up builds it.', EXIT.unavailable);
    if (process.stderr.isTTY && !asJson) remark('the AZTM login …');
    const args = ['--timeout', String(seconds), ...(only === 'xmpp' || only === 'peers' ? ['--only', only] : [])];
    const told = await bridgeEnvironment(workspace, environment);
    const end = await runPart(workspace, 'apps/xmpp-bridge', args, told, take);
    code = end.code;
    if (!Object.values(DOCTOR_EXIT).includes(end.code as 0))
      throw new UserError(`The checks of the AZTM login broke off:\n${end.said}`, EXIT.failed);
    // Asked for by name, an account that is not configured is what is to be mended.
    if (only !== undefined && checks.find(({ number }) => number === 1)?.status === 'skipped')
      code = DOCTOR_EXIT.config;
  }
  const report = reportOf(checks, code === DOCTOR_EXIT.config);
  if (asJson) print(JSON.stringify(report));
  else print(`\n${report.sentence}`);
  if (code === DOCTOR_EXIT.config) return code;
  return report.verdict === 'fail' ? DOCTOR_EXIT.finding : DOCTOR_EXIT.ok;
}

function show({ print, paint }: VerbContext, check: DoctorCheck): void {
  const { number, name, status, sentence, evidence, ms } = check;
  if (status === 'skipped' && /^Not (reached|asked)/.test(sentence)) return;
  const time = ms >= 1 ? ` (${Math.round(ms)} ms)` : '';
  print(`${String(number).padStart(3)}  ${paint(TONES[status], MARKS[status])}  ${name.padEnd(22)} ${sentence}${time}`);
  if (status === 'fail' || status === 'warn') for (const line of evidence) print(paint('dim', `           ${line}`));
}

function groupOf(text: string | undefined): DoctorGroup | undefined {
  if (text === undefined) return undefined;
  const group = DOCTOR_GROUPS.find((each) => each === text);
  if (group) return group;
  throw new UserError(`--only takes one of ${DOCTOR_GROUPS.join(', ')}; it is "${text}".`, EXIT.usage);
}

function secondsOf(text = '5'): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= 600) return seconds;
  throw new UserError(`--timeout takes seconds, more than 0 and at most 600; it is "${text}".`, EXIT.usage);
}
