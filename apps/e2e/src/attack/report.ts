import { findingText } from './kit/index.ts';
import type { RoundReport } from './round.ts';

const SHOWN = 60;

/** A round for people. */
export function reportText({ seeds, mutants, seconds, batches, growthMb, found, findings }: RoundReport): string {
  const width = Math.max(...batches.map(({ name }) => name.length));
  const growth = Object.entries(growthMb).map(([name, mb]) => `${name} ${mb > 0 ? '+' : ''}${mb}`);
  const lines = [
    '',
    `seeds ${seeds.join(', ')}${mutants.length > 0 ? `; without the guards of ${mutants.join(', ')}` : ''}: ${seconds} s`,
    '',
    ...batches.map(
      ({ name, tried, found: wrong, seconds: took }) =>
        `  ${name.padEnd(width)} ${String(tried).padStart(7)} tried ${String(wrong).padStart(5)} found ${String(took).padStart(5)} s`,
    ),
    '',
    `memory in MB against the start: ${growth.join(', ')}`,
  ];
  if (found === 0) return [...lines, '', 'Nothing was found.'].join('\n');
  const more = found - Math.min(findings.length, SHOWN);
  return [
    ...lines,
    '',
    `${found} found:`,
    ...findings.slice(0, SHOWN).map(findingText),
    ...(more > 0 ? [`  and ${more} more (--json has ${findings.length})`] : []),
    `The same again: npm run attack -- --seed ${seeds.join(',')}`,
  ].join('\n');
}
