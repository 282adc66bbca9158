import { until } from '@switchyard/testing';
import { send } from './http-client.ts';
import type { AttackedStack } from '../stack/index.ts';

/* The victim, whose data nobody else may see, and the headers with which a user gives its identity in development. */

export interface Person {
  readonly tenant: string;
  readonly user: string;
  readonly role?: 'user' | 'admin' | 'auditor';
}

export const VICTIM: Person = { tenant: 'acme', user: 'ada' };
const VICTIM_ADMIN: Person = { tenant: 'acme', user: 'root', role: 'admin' };

/** The ids of the victim's resources. */
export interface World {
  readonly runId: string;
  /** Ids of another run of the victim, which has ended. */
  readonly otherRunId: string;
  readonly waitingRunId: string;
  readonly approvalId: string;
  readonly threadId: string;
  readonly effectId: string;
  readonly doubtfulEffectId: string;
  readonly toolName: string;
}

export function devHeaders({ tenant, user, role }: Person): [string, string][] {
  return [
    ['X-Tenant-Id', tenant],
    ['X-User-Id', user],
    ...(role === undefined ? [] : [['X-User-Role', role] as [string, string]]),
  ];
}

export async function furnish(stack: AttackedStack): Promise<World> {
  const base = stack.gateways.dev;
  const ask = async (person: Person, method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    const headers = devHeaders(person);
    const answer = await send(base, { method, path, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body.slice(0, 500)}`);
    return JSON.parse(answer.body) as Record<string, unknown>;
  };
  const note = stack.canaries.ofVictim('the text of a note');
  const threadId = 'thread-of-ada';
  const done = await ask(VICTIM, 'POST', '/orchestrate', {
    task: `add a note called milk with the text ${note}`,
    thread_id: threadId,
  });
  if (done['status'] !== 'success') throw new Error(`the honest run ended as ${JSON.stringify(done)}`);
  const other = await ask(VICTIM, 'POST', '/orchestrate', { task: 'calculate 2*3' });
  const secretTask = stack.canaries.ofVictim('the task of a run');
  const waiting = await ask(VICTIM, 'POST', '/runs', { task: `delete the note milk, because of ${secretTask}` });
  const waitingRunId = String(waiting['run_id']);
  let approvalId = '';
  await until(async () => {
    const { approvals } = await ask(VICTIM, 'GET', `/runs/${waitingRunId}`);
    approvalId = (approvals as { approval_id: string }[])[0]?.approval_id ?? '';
    return approvalId !== '';
  }, 30_000);
  const registered = await ask(VICTIM_ADMIN, 'POST', '/tools', {
    name: 'ledger_lookup',
    provider: 'books',
    description: `Looks something up. ${stack.canaries.ofVictim('the description of a tool')}`,
    http: { method: 'GET', url: 'https://books.example/entries' },
  });
  // A tool that dies in the middle of a call leaves an effect in doubt.
  await ask(VICTIM, 'POST', '/tools/evil__crash/call', { arguments: {} });
  const { effects } = (await ask(VICTIM, 'GET', '/effects')) as {
    effects: { effect_id: string; state: string; tool: string }[];
  };
  const world: World = {
    runId: String(done['run_id']),
    otherRunId: String(other['run_id']),
    waitingRunId,
    approvalId,
    threadId,
    effectId: effects.find(({ state }) => state !== 'in_doubt')?.effect_id ?? '',
    doubtfulEffectId: effects.find(({ state }) => state === 'in_doubt')?.effect_id ?? '',
    toolName: String(registered['name'] ?? (registered['tool'] as { name?: string } | undefined)?.name),
  };
  for (const [what, id] of Object.entries(world))
    if (!id || id === 'undefined')
      throw new Error(`the victim has no ${what}: ${JSON.stringify({ done, effects, registered })}`);
  return world;
}
