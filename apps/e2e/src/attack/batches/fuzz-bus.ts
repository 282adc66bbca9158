import { REQUESTS, type RequestContract } from '@switchyard/contracts';
import { fc, fitting, type Schema, spoiled } from '@switchyard/testing/property';
import { z } from 'zod';
import { type Attack, type Batch, eachOf, fuzz, MALLORY, problemsOf } from '../kit/index.ts';
import { BusLogin, honestHeaders } from '../bus/index.ts';
import { askerOf } from './bus-messages.ts';

/* Generated messages on every subject of the registry, sent with the login of a service that may ask there. */

const name = 'fuzz-bus';
/** The deadline of each question: it has ended by then. */
const DEADLINE_MS = 4_000;
const LIMIT_MS = 10_000;

const PRINCIPAL = { tenantId: MALLORY.tenant, userId: MALLORY.user, role: MALLORY.role, via: 'dev' };

/**
 * Inputs of a request, mostly with a principal who may ask, so that the attack gets past the check of the principal.
 */
function inputsOf(contract: RequestContract): fc.Arbitrary<unknown> {
  const schema = z.toJSONSchema(contract.input, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as Exclude<
    Schema,
    boolean
  >;
  const definitions = (schema['$defs'] ?? {}) as Readonly<Record<string, Schema>>;
  const values = fitting(schema, (ref) => definitions[ref.slice(ref.lastIndexOf('/') + 1)] ?? schema).map((value) =>
    typeof value === 'object' && value !== null && 'principal' in value ? { ...value, principal: PRINCIPAL } : value,
  );
  return fc.oneof(values, { weight: 2, arbitrary: spoiled(values) });
}

async function one(attack: Attack, contract: RequestContract, bus: BusLogin): Promise<void> {
  const { busKeys, canaries } = attack.stack;
  const subject = contract.subject.replace('*', 'nobody');
  await fuzz(attack, { batch: name, about: contract.subject }, inputsOf(contract), async (input) => {
    const text = JSON.stringify(input) ?? '';
    const question = {
      subject,
      body: new TextEncoder().encode(text),
      deadline: String(Date.now() + DEADLINE_MS),
      idempotencyKey: `attack-${text.length}`,
    };
    const headers = honestHeaders(busKeys, bus.login, contract, question);
    const answer = await bus.request(subject, question.body, headers, LIMIT_MS);
    if (answer === undefined) return ['there was no answer by its deadline'];
    const problems = problemsOf({ status: 200, text: answer.text, reader: 'other' }, canaries);
    if (answer.code === 'internal') problems.push('internal: an error that nobody foresaw');
    return problems;
  });
}

export const fuzzBus: Batch = {
  name,
  about: 'made-up messages on every subject of the registry',
  random: true,
  run: async (attack) => {
    const open = new Map<string, BusLogin>();
    const cases = REQUESTS.filter(({ answeredBy }) => answeredBy !== 'computer-use');
    for (const contract of cases) {
      const login = askerOf(contract, attack.stack.logins);
      if (login === undefined || open.has(login)) continue;
      const bus = await BusLogin.open(attack.stack, login);
      if (bus) open.set(login, bus);
    }
    await eachOf(cases, async (contract) => {
      const bus = open.get(askerOf(contract, attack.stack.logins) ?? '');
      if (bus) await one(attack, contract, bus);
    });
    for (const bus of open.values()) await bus.close();
  },
};
