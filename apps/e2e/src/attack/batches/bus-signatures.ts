import { operatorKey, parseBusKeys } from '@switchyard/contracts';
import type { Batch } from '../kit/index.ts';
import { BusLogin, headersOf, type Question, type Signature, signed } from '../bus/index.ts';
import type { AttackedStack } from '../stack/index.ts';

/*
 * Questions without a valid signature of the named sender or over the sent body. An attacker who took over one service
 * holds its login and its keys, and must not be able to speak as another service.
 */

const name = 'bus-signatures';
const LIMIT_MS = 3_000;
const SUBJECT = 'rpc.tools.list';
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

const VICTIM = { tenantId: 'acme', userId: 'ada', role: 'admin', via: 'jwt' };
const OPERATOR = { tenantId: 'acme', userId: 'ada', role: 'admin', via: 'operator' };

interface Trial {
  readonly what: string;
  readonly login: string;
  readonly question: Question;
  readonly headers: Readonly<Record<string, string>>;
  /** Absent: the service must refuse the question, or not answer it. */
  readonly honest?: boolean;
}

function keysOf({ busKeys }: AttackedStack, service: string, answerer = 'mcp-tool') {
  const found = parseBusKeys(busKeys.get(service) ?? '').find(
    (key) => key.asker === service && key.answerer === answerer,
  );
  if (!found) throw new Error(`${service} has no key to ask ${answerer} with`);
  return found;
}

function trialsOf(stack: AttackedStack): Trial[] {
  const question: Question = {
    subject: SUBJECT,
    body: bytes({ principal: VICTIM }),
    deadline: String(Date.now() + 60_000),
  };
  const gateway = keysOf(stack, 'gateway');
  const toOrchestrator = keysOf(stack, 'gateway', 'orchestrator');
  const orchestrator = keysOf(stack, 'orchestrator');
  const operator = keysOf(stack, 'operator');
  const honest = signed(question, { as: 'gateway', key: gateway });
  const from = (
    what: string,
    headers: Readonly<Record<string, string>>,
    login = 'gateway',
    asked = question,
  ): Trial => ({
    what,
    login,
    question: asked,
    headers,
  });
  const by = (what: string, signature: Signature, login?: string) => from(what, signed(question, signature), login);
  const other = (change: Partial<Question>): Question => ({ ...question, ...change });
  const cut = (value: string) => ({ ...honest, caller: value });
  const caller = honest['caller']!;
  return [
    { ...from('the gateway itself', honest), honest: true },
    from('no signature', headersOf(question)),
    from('an empty signature', cut('')),
    from('a part of it', cut(caller.slice(0, -3))),
    from('more than it', cut(`${caller}AAAA`)),
    from('zeroes', cut(caller.replace(/\S+$/, 'A'.repeat(43)))),
    from('an older version of it', signed(question, { as: 'gateway', key: gateway, version: 'v0' })),
    by('a key of another pair', { as: 'gateway', key: toOrchestrator }),
    by('a key that nobody has', { as: 'gateway', key: { id: gateway.id, key: 'A'.repeat(43) } }),
    by('an unknown generation', { as: 'gateway', key: { ...gateway, id: '99' } }),
    by('two minutes old', { as: 'gateway', key: gateway, at: Date.now() - 120_000 }),
    by('from the future', { as: 'gateway', key: gateway, at: Date.now() + 120_000 }),
    from('another body', honest, 'gateway', other({ body: bytes({ principal: { ...VICTIM, userId: 'root' } }) })),
    from('another subject', honest, 'gateway', other({ subject: 'rpc.tools.registered' })),
    from('another deadline', { ...honest, deadline: String(Date.now() + 3_600_000) }),
    from('an idempotency key that was not signed', { ...honest, 'idempotency-key': 'x' }),
    // The attacker holds the login and the keys of the orchestrator.
    by('the orchestrator as the gateway', { as: 'gateway', key: orchestrator }, 'orchestrator'),
    by("the orchestrator with the gateway's signature", { as: 'gateway', key: gateway }, 'orchestrator'),
    by('the orchestrator as an operator', { as: 'operator/ada', key: orchestrator }, 'orchestrator'),
    by('the orchestrator as a service with a person', { as: 'orchestrator/ada', key: orchestrator }, 'orchestrator'),
    by('an operator as the gateway', { as: 'gateway', key: operator }, 'operator'),
    by('an operator as nobody', { as: 'operator', key: operator }, 'operator'),
    by('an operator as somebody else', { as: 'operator/root', key: operator }, 'operator'),
    by('an operator with the principal of a token', { as: 'operator/ada', key: operator }, 'operator'),
    from(
      'an operator as a person whose key it made of its own',
      signed(other({ body: bytes({ principal: { ...OPERATOR, userId: 'root' } }) }), {
        as: 'operator/root',
        key: { id: operator.id, key: operatorKey(operator.key, 'root') },
      }),
      'operator',
      other({ body: bytes({ principal: { ...OPERATOR, userId: 'root' } }) }),
    ),
    from(
      'an operator for another person',
      signed(other({ body: bytes({ principal: { ...OPERATOR, userId: 'root' } }) }), {
        as: 'operator/ada',
        key: operator,
      }),
      'operator',
      other({ body: bytes({ principal: { ...OPERATOR, userId: 'root' } }) }),
    ),
  ];
}

export const busSignatures: Batch = {
  name,
  about: 'questions that are not signed by whom they say, or not for what they say',
  run: async ({ stack, findings }) => {
    const open = new Map<string, BusLogin>();
    for (const login of ['gateway', 'orchestrator', 'operator']) {
      const bus = await BusLogin.open(stack, login);
      if (bus) open.set(login, bus);
    }
    await Promise.all(
      trialsOf(stack).map(async ({ what, login, question, headers, honest }) => {
        findings.tried(name);
        const answer = await open.get(login)?.request(question.subject, question.body, headers, LIMIT_MS);
        const refused = answer === undefined || answer.code !== undefined || answer.noResponders;
        if (refused !== (honest ?? false)) return;
        const said = answer === undefined ? 'nothing' : `${answer.code ?? 'an answer'}: ${answer.text.slice(0, 120)}`;
        const wanted = honest ? 'must be answered' : 'must be refused';
        findings.add({ batch: name, case: `${login}: ${what}`, what: `${wanted}, and there came ${said}` });
      }),
    );
    for (const bus of open.values()) await bus.close();
  },
};
