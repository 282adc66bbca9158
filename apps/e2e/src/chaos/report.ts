import { INVARIANTS, type Spread } from './checks/index.ts';
import type { RoundReport } from './round.ts';

const SHOWN = 12;

/** A round for people. */
export function reportText(report: RoundReport): string {
  const counts = new Map<string, number>();
  for (const { invariant } of report.violations) counts.set(invariant, (counts.get(invariant) ?? 0) + 1);
  const list = (entries: Readonly<Record<string, number>>) =>
    Object.entries(entries)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'none';
  const spread = ({ count, p50, p99, max }: Spread) => `p50 ${p50} ms, p99 ${p99} ms, max ${max} ms (${count})`;
  const points = Object.keys(report.pointsStruck);
  const lines = [
    `seed ${report.seed}: ${report.runs} runs in ${report.seconds} s`,
    '',
    ...INVARIANTS.map((name) => `  ${name.padEnd(32)} ${String(counts.get(name) ?? 0).padStart(5)}`),
    '',
    `ended        ${list(report.statuses)}`,
    `steps        ${report.steps}, in doubt ${report.inDoubt}; effects of tools ${report.effects}`,
    `delegations  ${list(report.delegations)}`,
    `faults       ${list(report.faults)}`,
    `points hit   ${points.length} different by faults: ${list(report.pointsStruck)}`,
    `             ${Object.keys(report.pointsPassed).length} different passed`,
    `takeovers    ${report.takeovers}; clients that came back ${report.resumes} times`,
    `takeover     ${spread(report.recovery.takeover)}`,
    `progress     ${spread(report.recovery.progress)}`,
    `last drain   ${report.longestDrainMs} ms at the longest; all ended ${report.quietAfterMs} ms after the last fault`,
  ];
  if (report.violations.length === 0) return [...lines, '', 'Nothing is wrong.'].join('\n');
  const shown = report.violations
    .slice(0, SHOWN)
    .map(({ invariant, runId, what }) => `  ${invariant}: ${runId ?? '-'}: ${what}`);
  const more = report.violations.length - shown.length;
  return [
    ...lines,
    '',
    `${report.violations.length} violations:`,
    ...shown,
    ...(more > 0 ? [`  and ${more} more`] : []),
    `Everything about this round is in ${report.folder ?? '-'}`,
    `The same plan again: ./switchyard chaos --seed ${report.seed} --runs ${report.runs}`,
  ].join('\n');
}
