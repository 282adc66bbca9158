import type { Findings } from './findings.ts';
import { type Answered, send, type Sent } from './http-client.ts';
import { problemsOf } from './judge.ts';
import type { Interface } from './operations.ts';
import type { AttackedStack, GatewayMode } from '../stack/index.ts';
import type { World } from './world.ts';

/** What every batch gets: the stack, its clients and where findings go. */
export interface Attack {
  readonly stack: AttackedStack;
  readonly world: World;
  readonly interface: Interface;
  readonly findings: Findings;
  readonly seed: string;
  /** How many generated cases for each route and subject. */
  readonly depth: number;
  /** When generated cases must have ended, ms since 1970. */
  readonly until: number;
}

export interface Batch {
  readonly name: string;
  /** What the batch tries, in one line. */
  readonly about: string;
  /** True for a batch of generated cases: it runs again with other seeds while there is time. */
  readonly random?: boolean;
  run(attack: Attack): Promise<void>;
}

export interface HttpCase extends Sent {
  readonly name: string;
  readonly gateway?: GatewayMode;
  /** The statuses that the case allows; absent: any status that is no finding by itself. 0: no answer. */
  readonly wants?: readonly number[];
  readonly reader?: 'victim' | 'other';
}

const AT_ONCE = 6;

/** Every answer is judged, whatever the case expects beside that. */
export async function tryHttp(attack: Attack, batch: string, each: HttpCase): Promise<Answered> {
  const { stack, findings } = attack;
  findings.tried(batch);
  const answer = await send(stack.gateways[each.gateway ?? 'dev'], each);
  const problems = problemsOf(
    {
      status: answer.status,
      text: `${answer.headers}\n\n${answer.body}`,
      documented: attack.interface.documented5xx(each.method, each.path),
      reader: each.reader ?? 'other',
    },
    stack.canaries,
  );
  const { wants } = each;
  if (wants && !wants.includes(answer.status))
    problems.push(`answered ${answer.status}, not ${wants.join(' or ')}: ${answer.body.slice(0, 160)}`);
  for (const what of problems) findings.add({ batch, case: each.name, what, sent: shown(each) });
  return answer;
}

/** Runs all cases, a few at once. */
export async function tryAll(attack: Attack, batch: string, cases: readonly HttpCase[]): Promise<void> {
  await eachOf(cases, (one) => tryHttp(attack, batch, one));
}

/** Calls `act` for each, a few at once. */
export async function eachOf<T>(items: readonly T[], act: (item: T) => Promise<unknown>, atOnce = AT_ONCE) {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

function shown({ method, path, headers = [], body }: Sent): string {
  const head = headers.map(([name, value]) => `${name}: ${value.slice(0, 200)}`).join(' | ');
  return `${method} ${path.slice(0, 200)} ${head} ${typeof body === 'string' ? body.slice(0, 300) : ''}`;
}
