import { type Attack, type Batch, type Finding, Findings, findingText, furnish, readInterface } from './kit/index.ts';
import { BATCHES } from './batches/index.ts';
import { decorate, type Mutant } from './mutants.ts';
import { startAttackedStack } from './stack/index.ts';
import { Vitals } from './vitals.ts';

/* Attacks one stack: each batch once, and batches of generated cases as often as time and seeds allow. */

export interface RoundOptions {
  readonly seeds: readonly string[];
  /** The time for generated cases, in all. */
  readonly fuzzMs: number;
  readonly depth: number;
  /** Names of batches; empty: all. */
  readonly only: readonly string[];
  /** Guards that are taken out. */
  readonly mutants?: readonly Mutant[];
  readonly onProgress: (line: string) => void;
}

export interface RoundReport {
  readonly seeds: readonly string[];
  readonly mutants: readonly Mutant[];
  readonly seconds: number;
  readonly batches: readonly BatchReport[];
  /** What each process holds more than at the start, in MB. */
  readonly growthMb: Readonly<Record<string, number>>;
  readonly found: number;
  readonly findings: readonly Finding[];
}

interface BatchReport {
  readonly name: string;
  readonly about: string;
  readonly tried: number;
  readonly found: number;
  readonly seconds: number;
}

export async function playRound(options: RoundOptions): Promise<RoundReport> {
  const { seeds, depth, only, mutants = [], onProgress } = options;
  const began = Date.now();
  const findings = new Findings();
  const batches = BATCHES.filter(({ name }) => only.length === 0 || only.includes(name));
  const spent = new Map<string, number>();
  onProgress('starting a private stack');
  const { stack, stop } = await decorate(mutants, startAttackedStack);
  try {
    onProgress(`the services run after ${Math.round((Date.now() - began) / 1_000)} s; the victim moves in`);
    const world = await furnish(stack);
    const base = { stack, world, interface: await readInterface(stack.gateways.dev), findings, depth };
    stack.logs.added(); // the logs of the start are checked after the first batch, like all others
    const vitals = await Vitals.of(stack);
    const play = async (batch: Batch, attack: Attack, note = ''): Promise<void> => {
      const [start, before] = [Date.now(), findings.count];
      await batch.run(attack);
      await vitals.check(attack, batch.name);
      spent.set(batch.name, (spent.get(batch.name) ?? 0) + Date.now() - start);
      const found = findings.count - before;
      const seconds = ((Date.now() - start) / 1_000).toFixed(1);
      onProgress(`${batch.name}${note}: ${findings.triedIn(batch.name)} tried in ${seconds} s, ${found} found`);
      // A long round prints a finding at once.
      for (const finding of found > 0 ? findings.list.slice(-found) : []) onProgress(findingText(finding));
    };
    const fixed = { ...base, seed: seeds[0]!, until: Infinity };
    for (const batch of batches) if (!batch.random) await play(batch, fixed);
    await playRandom(batches, { ...base, until: 0 }, options, play);
    const growth = await vitals.memory(fixed);
    return {
      seeds,
      mutants,
      seconds: Math.round((Date.now() - began) / 1_000),
      batches: batches.map(({ name, about }) => ({
        name,
        about,
        tried: findings.triedIn(name),
        found: findings.foundIn(name),
        seconds: Math.round((spent.get(name) ?? 0) / 1_000),
      })),
      growthMb: Object.fromEntries(growth),
      found: findings.count,
      findings: findings.list,
    };
  } finally {
    await stop();
  }
}

type Play = (batch: Batch, attack: Attack, note?: string) => Promise<void>;

/** Each seed gets its share of the time. If time is left, further seeds follow from the last. */
async function playRandom(
  batches: readonly Batch[],
  base: Omit<Attack, 'seed'>,
  { seeds, fuzzMs }: RoundOptions,
  play: Play,
): Promise<void> {
  const random = batches.filter((batch) => batch.random);
  if (random.length === 0) return;
  const end = Date.now() + fuzzMs;
  for (let turn = 0; Date.now() < end; turn += 1) {
    const seed = seeds[turn] ?? `${seeds.at(-1)!}.${turn - seeds.length + 1}`;
    for (const [index, batch] of random.entries()) {
      const left = Math.max(1_000, end - Date.now());
      const shares = Math.max(1, (seeds.length - turn) * random.length - index);
      await play(batch, { ...base, seed, until: Date.now() + left / shares }, ` (seed ${seed})`);
    }
  }
}
