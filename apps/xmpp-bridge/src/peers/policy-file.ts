import { readFile } from 'node:fs/promises';
import { safeParse } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import { jsonMistake, jsonPlaces } from '@switchyard/safe-fetch';
import { logEvent } from '../log-events.ts';
import { PeerPolicy } from './peer-policy.ts';

/*
 * The current content of the file AZTM_PEER_POLICY.
 *
 * - A policy counts as a whole or not at all. The bridge logs a wrong policy once, with the line of the error, and the
 *   earlier policy stays in force.
 * - The bridge notices a change within lookMs, even if the file is replaced or is reached over links that are replaced.
 * - No name may occur twice, in upper or lower case: the rules could contradict each other.
 */

const LOOK_MS = 2_000;

/** Throws with the line and its fault. */
export function parsePolicy(text: string): PeerPolicy {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    const { line, column, expected } = jsonMistake(text) ?? { line: 1, column: 1, expected: 'JSON' };
    throw new Error(`line ${line}, column ${column}: expected ${expected}`);
  }
  const places = jsonPlaces(text);
  if (places.repeated) throw new Error(`line ${places.repeated.line}: "${places.repeated.name}" comes twice`);
  const parsed = safeParse(PeerPolicy, document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = issue?.path ?? [];
    const message = (issue?.code === 'invalid_key' ? issue.issues[0]?.message : issue?.message) ?? 'wrong shape';
    throw new Error(`line ${places.lineOf(path)}: ${path.map(String).join('.') || 'top level'}: ${message}`);
  }
  const policy = new Map<string, PeerPolicy[string]>();
  for (const [name, rule] of Object.entries(parsed.data)) {
    const folded = name.normalize('NFC').toLowerCase();
    if (policy.has(folded)) throw new Error(`line ${places.lineOf([name])}: "${folded}" comes twice`);
    policy.set(folded, rule);
  }
  return Object.fromEntries(policy);
}

export class PolicyFile {
  #policy: PeerPolicy;
  #text: string | undefined;
  #isUnreadable = false;
  readonly #timer: NodeJS.Timeout | undefined;

  readonly #path: string | undefined;
  readonly #log: Logger;
  readonly #onChange: () => void;

  constructor(
    path: string | undefined,
    /** The policy that was read at the start. */
    start: PeerPolicy,
    log: Logger,
    onChange: () => void = () => undefined,
    lookMs = LOOK_MS,
  ) {
    this.#path = path;
    this.#log = log;
    this.#onChange = onChange;
    this.#policy = start;
    if (path !== undefined) this.#timer = setInterval(() => void this.look(), lookMs).unref();
  }

  get policy(): PeerPolicy {
    return this.#policy;
  }

  /** Reads the file again; returns whether the policy changed. */
  async look(): Promise<boolean> {
    if (this.#path === undefined) return false;
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (!this.#isUnreadable) logEvent(this.#log, 'peer_policy_unreadable', { file: this.#path, err: error });
      this.#isUnreadable = true;
      return false;
    }
    this.#isUnreadable = false;
    if (text === this.#text) return false;
    const first = this.#text === undefined;
    this.#text = text;
    try {
      const policy = parsePolicy(text);
      if (first && JSON.stringify(policy) === JSON.stringify(this.#policy)) return false;
      this.#policy = policy;
    } catch (error) {
      const why = error instanceof Error ? error.message : 'it cannot be read';
      logEvent(this.#log, 'peer_policy_invalid', { file: this.#path, why });
      return false;
    }
    logEvent(this.#log, 'peer_policy_changed', { file: this.#path, peers: Object.keys(this.#policy).length });
    this.#onChange();
    return true;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
