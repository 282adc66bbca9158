import { fc } from '@switchyard/testing/property';
import type { Attack } from './attack.ts';
import type { Finding } from './findings.ts';

/*
 * Checks a property with a seed that follows from the seed of the attack and the name of the case, so that one route
 * can be checked again without the others. A failing case is shrunk for a short time and reported once, with its seed
 * and values.
 */

const SHRINK_LIMIT_MS = 5_000;

/** FNV-1a, as a 31-bit number. */
function seedOf(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return (value >>> 1) & 0x7fffffff;
}

/** `holds` returns the problems of one case, none if it is well. No case starts after the end of the attack's time. */
export async function fuzz<T>(
  attack: Attack,
  { batch, about }: { batch: string; about: string },
  values: fc.Arbitrary<T>,
  holds: (value: T) => Promise<readonly string[]>,
): Promise<void> {
  const seed = seedOf(`${attack.seed}/${about}`);
  let what: readonly string[] = [];
  let foundAt: number | undefined;
  const property = fc.asyncProperty(values, async (value) => {
    const left = foundAt === undefined ? attack.until - Date.now() : SHRINK_LIMIT_MS - (Date.now() - foundAt);
    if (left <= 0) return true;
    attack.findings.tried(batch);
    const problems = await holds(value);
    if (problems.length === 0) return true;
    what = problems;
    foundAt ??= Date.now();
    return false;
  });
  const result = await fc.check(property, { seed, numRuns: attack.depth });
  if (!result.failed) return;
  const finding: Finding = {
    batch,
    case: about,
    what: what.join('; '),
    sent: JSON.stringify(result.counterexample),
    replay: `--seed ${attack.seed} --only ${batch}`,
  };
  attack.findings.add(finding);
}
