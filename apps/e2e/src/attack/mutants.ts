import { listTools } from '@switchyard/contracts';
import { BusLogin } from './bus/index.ts';
import type { Finding } from './kit/index.ts';
import {
  type AttackedStack,
  type Change,
  type GatewayMode,
  honestToken,
  type StackOptions,
  startFront,
} from './stack/index.ts';

/*
 * Guards that are removed on purpose, around the product and never inside it. A batch that does not notice its mutant
 * proves nothing.
 */

interface MutantDescription {
  readonly what: string;
  /** The batch that must notice the mutant, and what its finding says. */
  readonly batch: string;
  readonly noticed: RegExp;
  /** Changes the permissions at nats-server. */
  readonly permissions?: (text: string) => string;
  /** Changes requests and answers on their way to a gateway. */
  readonly front?: { readonly mode: GatewayMode; readonly change: (stack: AttackedStack) => Change };
  /** Starts a process beside the stack; returns the function that ends it. */
  readonly beside?: (stack: AttackedStack) => Promise<() => Promise<void>>;
}

const OPEN_PATH = '/config';

export const MUTANTS = {
  'open-route': {
    what: 'one route is answered without credentials',
    batch: 'guards',
    noticed: /GET \/config without credentials.* answered 200/,
    front: {
      mode: 'jwt',
      change: ({ issuer }) => ({
        headers: (_method, path) =>
          path === OPEN_PATH ? { authorization: `Bearer ${honestToken(issuer)}` } : undefined,
      }),
    },
  },
  'open-subject': {
    what: 'one service may publish facts of runs',
    batch: 'bus-permissions',
    noticed: /a2a: publish run\..* is permitted/,
    permissions: (text) => withPublish(text, 'A2A', 'run.>'),
  },
  'leaked-secret': {
    what: 'a refusal holds a secret of the deployment',
    batch: 'isolation',
    noticed: /a canary is in it: edge secret/,
    front: {
      mode: 'dev',
      change: ({ edgeSecret }) => ({
        answer: (status, body) => (status === 404 ? body.replace('"detail":"', `"detail":"${edgeSecret} `) : body),
      }),
    },
  },
  'any-reply': {
    what: 'one service answers wherever the asker says',
    batch: 'bus-replies',
    noticed: /what was answered arrived at run\./,
    permissions: (text) => withPublish(text, 'MCP_TOOL', '>'),
    beside: answersAnywhere,
  },
  'blind-tenant': {
    what: 'one route answers for the owner, whoever asks',
    batch: 'isolation',
    noticed: /an effect.* answers otherwise/,
    front: {
      mode: 'dev',
      change: () => ({
        headers: (method, path) =>
          method === 'GET' && /^\/effects\/[\w-]+$/.test(path)
            ? { 'x-tenant-id': 'acme', 'x-user-id': 'ada' }
            : undefined,
      }),
    },
  },
} as const satisfies Readonly<Record<string, MutantDescription>>;
export type Mutant = keyof typeof MUTANTS;
export const MUTANT_NAMES = Object.keys(MUTANTS) as Mutant[];

/** The mutants that no finding shows. */
export function missedOf(mutants: readonly Mutant[], findings: readonly Finding[]): Mutant[] {
  return mutants.filter((name) => {
    const { batch, noticed } = MUTANTS[name];
    return !findings.some((finding) => finding.batch === batch && noticed.test(`${finding.case} ${finding.what}`));
  });
}

export interface Decorated {
  readonly stack: AttackedStack;
  stop(): Promise<void>;
}

/** Starts the stack without these guards; with an empty list it is the product as it ships. */
export async function decorate(
  mutants: readonly Mutant[],
  start: (options?: StackOptions) => Promise<AttackedStack>,
): Promise<Decorated> {
  const described = mutants.map((name): MutantDescription => MUTANTS[name]);
  const editPermissions = (text: string) =>
    described.reduce((edited, { permissions }) => permissions?.(edited) ?? edited, text);
  const stack = await start({ editPermissions });
  const stops: (() => Promise<void>)[] = [() => stack.stop()];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    for (const { beside } of described) if (beside) stops.push(await beside(stack));
    const gateways = { ...stack.gateways };
    for (const { front } of described) {
      if (!front) continue;
      const started = await startFront(gateways[front.mode], front.change(stack));
      stops.push(started.stop);
      gateways[front.mode] = started.url;
    }
    return { stack: { ...stack, gateways }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function withPublish(permissions: string, login: string, subject: string): string {
  const head = new RegExp(`(PERMISSIONS_${login} = \\{\\s+publish: \\{\\s+allow: \\[)`);
  if (!head.test(permissions)) throw new Error(`there are no permissions of ${login} to open`);
  return permissions.replace(head, `$1\n      ${JSON.stringify(subject)}`);
}

/**
 * Joins the queue group of mcp-tool and answers without checking the reply subject. It hands honest questions back, so
 * that mcp-tool answers them.
 */
async function answersAnywhere(stack: AttackedStack): Promise<() => Promise<void>> {
  const bus = await BusLogin.open(stack, 'mcp-tool');
  if (!bus) throw new Error('mcp-tool has no login to play its part with');
  bus.connection.subscribe(listTools.subject, {
    queue: 'mcp-tool',
    callback: (_error, { subject, reply, data, headers }) => {
      if (reply === undefined) return;
      if (reply.startsWith('_INBOX.'))
        bus.connection.publish(subject, data, { reply, ...(headers ? { headers } : {}) });
      else bus.connection.publish(reply, '{"tools":[]}');
    },
  });
  await bus.settled();
  return () => bus.close();
}
