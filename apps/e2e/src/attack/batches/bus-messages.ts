import { REQUESTS, type RequestContract } from '@switchyard/contracts';
import { type Attack, type Batch, eachOf } from '../kit/index.ts';
import { BusLogin, honestHeaders, judgeBusAnswer } from '../bus/index.ts';

/* Malformed messages and headers on every subject of the registry. */

const name = 'bus-messages';
const LIMIT_MS = 8_000;
const bytes = (text: string) => new TextEncoder().encode(text);

const BODIES: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', new Uint8Array()],
  ['no JSON', bytes('{')],
  ['a list', bytes('[]')],
  ['null', bytes('null')],
  ['a number', bytes('5')],
  ['bytes that are no text', new Uint8Array([0xff, 0xfe, 0x00, 0x80])],
  [
    'wrong types',
    bytes(
      '{"principal":5,"runId":{},"run":[],"tool":null,"threadId":1,"constraints":"x","limit":"y","task":7,"args":"z"}',
    ),
  ],
  [
    'hostile ids',
    bytes(
      '{"principal":{"tenantId":"a.>","userId":"*","role":"user","via":"dev"},"runId":"a.>","threadId":">","host":"*"}',
    ),
  ],
  [
    'a role that is none',
    bytes('{"principal":{"tenantId":"acme","userId":"ada","role":"root","via":"dev"},"runId":"x","tools":["*"]}'),
  ],
  ['a poisoned prototype', bytes('{"__proto__":{"role":"admin"},"principal":{"__proto__":{"role":"admin"}}}')],
  [
    'lengths that cannot be compared',
    bytes(
      '{"principal":{"tenantId":{"length":{"toString":5}},"userId":"x","role":"user","via":"dev"},"runId":{"length":{"toString":5}},"tool":{"length":{"toString":5}}}',
    ),
  ],
  ['depth', bytes(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)],
  ['nearly a megabyte', bytes(`"${'x'.repeat(1_000_000)}"`)],
];

const HEADERS: readonly Readonly<Record<string, string>>[] = [
  { deadline: '-1' },
  { deadline: '1e999' },
  { deadline: 'tomorrow' },
  { deadline: String(Number.MAX_SAFE_INTEGER) },
  { 'idempotency-key': 'x'.repeat(10_000) },
  { 'idempotency-key': '\u0000\u0001 *' },
  { traceparent: '00-zz' },
  { progress: 'x'.repeat(1_000), frame: 'progress' },
  { 'error-code': 'internal', frame: '' },
];

export function askerOf(contract: RequestContract, logins: ReadonlyMap<string, string>): string | undefined {
  return contract.askedBy.find((login) => logins.has(login));
}

async function run(attack: Attack): Promise<void> {
  const { stack, findings } = attack;
  const open = new Map<string, BusLogin>();
  const cases = REQUESTS.filter(({ answeredBy }) => answeredBy !== 'computer-use').flatMap((contract) => {
    const login = askerOf(contract, stack.logins);
    return login === undefined ? [] : [{ contract, login }];
  });
  for (const { login } of cases) {
    if (open.has(login)) continue;
    const bus = await BusLogin.open(stack, login);
    if (bus) open.set(login, bus);
  }
  await eachOf(cases, async ({ contract, login }) => {
    const subject = contract.subject.replace('*', 'nobody');
    const send = async (what: string, body: Uint8Array, { deadline, ...headers }: Readonly<Record<string, string>>) => {
      findings.tried(name);
      const idempotencyKey = headers['idempotency-key'];
      const question = {
        subject,
        body,
        ...(deadline === undefined ? {} : { deadline }),
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      };
      const all = { ...honestHeaders(stack.busKeys, login, contract, question), ...headers };
      const answer = await open.get(login)!.request(subject, body, all, LIMIT_MS);
      const about = { batch: name, case: `${login}: ${subject}: ${what}`, sent: `${subject} ${what}` };
      judgeBusAnswer(attack, about, answer);
    };
    for (const [what, body] of BODIES) await send(what, body, { deadline: String(Date.now() + 5_000) });
    for (const headers of HEADERS) await send(JSON.stringify(headers).slice(0, 60), bytes('5'), headers);
  });
  for (const bus of open.values()) await bus.close();
}

export const busMessages: Batch = {
  name,
  about: 'malformed messages and headers on every subject of the registry',
  run,
};
