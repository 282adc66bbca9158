import { fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

/*
 * What the tools of a round really did: one line for each effect, on disk before the tool answers. It is written by
 * the tools and by nobody else, so it is the truth that journal and ledger are judged by.
 */

export interface Effect {
  readonly ts: number;
  readonly tool: string;
  readonly idempotency: 'safe' | 'key' | 'none';
  readonly runId: string;
  readonly stepId: string;
  readonly key: string;
  readonly pid: number;
}

export class EffectLog {
  readonly #file: number;

  constructor(file: string) {
    this.#file = openSync(file, 'a');
  }

  write(effect: Effect): void {
    writeSync(this.#file, `${JSON.stringify(effect)}\n`);
    fsyncSync(this.#file);
  }
}

export function readEffects(file: string): Effect[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as Effect);
}
