import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Attack, devHeaders, problemsOf, send, VICTIM } from './kit/index.ts';
import type { AttackedStack } from './stack/index.ts';

/*
 * The state of the stack after a batch: each process still runs, no log contains a canary or an internal error, no
 * service connected to a forbidden address, an honest request works, and memory is back where it was.
 */

/** How much more memory a process may hold than at the start, after garbage collection. */
const GROWTH_LIMIT_MB = 160;
const SETTLE_MS = 1_500;
const SETTLE_TRIES = 6;

export class Vitals {
  readonly #pids: ReadonlyMap<string, number>;
  readonly #rssMb: ReadonlyMap<string, number>;
  readonly #dead = new Set<string>();
  #sprung = 0;

  private constructor(rssMb: ReadonlyMap<string, number>, stack: AttackedStack) {
    this.#rssMb = rssMb;
    this.#pids = new Map(stack.services.map(({ name, pid }) => [name, pid]));
  }

  static async of(stack: AttackedStack): Promise<Vitals> {
    return new Vitals(await settledRssMb(stack), stack);
  }

  async check({ stack, findings }: Attack, batch: string): Promise<void> {
    const found = (what: string) => findings.add({ batch, case: 'after the batch', what });
    for (const [name, pid] of this.#pids) {
      if (isAlive(pid) || this.#dead.has(name)) continue;
      this.#dead.add(name);
      found(`${name} has died; its log ends with: ${tail(stack, name)}`);
    }
    for (const [name, text] of stack.logs.added())
      for (const canary of stack.canaries.in(text, 'log')) found(`the log ${name} holds a canary: ${canary}`);
    if (stack.trap.sprung() > this.#sprung)
      found(`${stack.trap.sprung() - this.#sprung} connections to a private address`);
    this.#sprung = stack.trap.sprung();
    const wrong = await this.#honestRequest(stack);
    if (wrong) found(wrong);
  }

  /** The largest growth of each process since the start; adds a finding for one that is over the limit. */
  async memory({ stack, findings }: Attack): Promise<ReadonlyMap<string, number>> {
    let growth = new Map<string, number>();
    for (let tries = 0; tries < SETTLE_TRIES; tries += 1) {
      const now = await settledRssMb(stack);
      growth = new Map([...now].map(([name, mb]) => [name, mb - (this.#rssMb.get(name) ?? 0)]));
      if ([...growth.values()].every((mb) => mb <= GROWTH_LIMIT_MB)) return growth;
    }
    for (const [name, mb] of growth) {
      if (mb <= GROWTH_LIMIT_MB) continue;
      const what = `${name} holds ${mb} MB more than at the start (limit ${GROWTH_LIMIT_MB})`;
      findings.add({ batch: 'vitals', case: 'memory', what });
    }
    return growth;
  }

  async #honestRequest(stack: AttackedStack): Promise<string | undefined> {
    const body = JSON.stringify({ task: 'calculate 6*7' });
    const headers = devHeaders(VICTIM);
    const answer = await send(stack.gateways.dev, { method: 'POST', path: '/orchestrate', headers, body });
    const wrong = problemsOf({ status: answer.status, text: answer.body, reader: 'victim' }, stack.canaries);
    if (wrong.length > 0) return `an honest run: ${wrong.join('; ')}`;
    if (answer.status === 200 && answer.body.includes('42')) return undefined;
    return `an honest run was answered ${answer.status}: ${answer.body.slice(0, 200)}`;
  }
}

function tail(stack: AttackedStack, name: string): string {
  return stack.services.find((service) => service.name === name)?.logged.slice(-400) ?? '';
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function settledRssMb(stack: AttackedStack): Promise<Map<string, number>> {
  for (const { pid } of living(stack)) process.kill(pid, 'SIGUSR2');
  await sleep(SETTLE_MS);
  return new Map(living(stack).map(({ name, pid }) => [name, rssMb(pid)]));
}

function living(stack: AttackedStack) {
  return stack.services.filter(({ pid }) => isAlive(pid));
}

function rssMb(pid: number): number {
  try {
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024);
  } catch {
    return 0; // the process has ended, or there is no /proc here
  }
}
