import { fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

/*
 * What the tools and the agent of a round really did: one line for each effect or message, on disk before it is
 * answered. It is written by them and by nobody else, so it is the truth that journal and ledger are judged by.
 */

export interface Effect {
  readonly ts: number;
  readonly tool: string;
  readonly idempotency: 'safe' | 'key' | 'none';
  readonly runId: string;
  readonly stepId: string;
  /** The call in the plan: a run has it once. */
  readonly label: string;
  readonly key: string;
  readonly pid: number;
}

/** What happened to a message at the agent that gets delegated tasks. */
export interface AgentMessage {
  readonly ts: number;
  readonly what: 'arrived' | 'worked-on';
  /** The id of the message, which is the key of its step. */
  readonly key: string;
  readonly pid: number;
}

export class TruthLog<Line extends Effect | AgentMessage> {
  readonly #file: number;

  constructor(file: string) {
    this.#file = openSync(file, 'a');
  }

  write(line: Line): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
    fsyncSync(this.#file);
  }
}

/** Empty if nothing was written; a line that a kill cut off did not happen. */
export function readTruth<Line extends Effect | AgentMessage>(file: string): Line[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as Line);
}
