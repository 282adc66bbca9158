import { fc, fitting, HOSTILE_VALUES, spoiled } from '@switchyard/testing/property';
import {
  type Attack,
  type Batch,
  devHeaders,
  eachOf,
  fuzz,
  MALLORY,
  type Operation,
  type Parameter,
  problemsOf,
  send,
  type Sent,
} from '../kit/index.ts';

/*
 * Generated requests for every route of the OpenAPI document: some fit the schema, others are spoiled copies of those.
 */

const name = 'fuzz-http';
const HOSTILE_TEXTS = HOSTILE_VALUES.filter((value): value is string => typeof value === 'string');

type Resolve = Parameters<typeof fitting>[1];

function textOf(parameter: Parameter, resolve: Resolve): fc.Arbitrary<string> {
  const honest = fitting(parameter.schema, resolve).map((value) =>
    typeof value === 'string' ? value : JSON.stringify(value),
  );
  return fc.oneof({ weight: 3, arbitrary: honest }, { weight: 1, arbitrary: fc.constantFrom(...HOSTILE_TEXTS) });
}

/** A header value that Node's HTTP client agrees to send. */
const sendable = (value: string) => value.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '').slice(0, 6_000);

/** The generated requests of one route. */
function requestsOf({ method, path, parameters, body }: Operation, resolve: Resolve): fc.Arbitrary<Sent> {
  const of = (where: Parameter['in']) => {
    const model = parameters.filter((p) => p.in === where).map((p) => [p.name, textOf(p, resolve)] as const);
    const required = where === 'path' ? model.map(([key]) => key) : [];
    return fc.record(Object.fromEntries(model), { requiredKeys: required });
  };
  const value = body === undefined ? fc.constant(undefined) : fitting(body, resolve);
  const bodies = body === undefined ? value : fc.oneof(value, { weight: 2, arbitrary: spoiled(value) });
  return fc.tuple(of('path'), of('query'), of('header'), bodies).map(([inPath, query, headers, json]) => {
    const encoded = (text: string | undefined) => encodeURIComponent(Buffer.from(text ?? '').toString()) || 'x';
    const filled = path.replaceAll(/\{(\w+)\}/g, (_all, key: string) => encoded(inPath[key]));
    const asked = Object.entries(query).map(([key, text]) => `${key}=${encoded(text)}`);
    const text = json === undefined ? undefined : JSON.stringify(json);
    return {
      method,
      path: asked.length === 0 ? filled : `${filled}?${asked.join('&')}`,
      headers: [
        ...devHeaders(MALLORY),
        ...Object.entries(headers).map(([key, said]): [string, string] => [key, sendable(said ?? '')]),
      ],
      ...(text === undefined ? {} : { body: text }),
    };
  });
}

/** Keeps the attacker's newest runs short: a route that answers at the end of a run waits for it. */
async function newestRuns({ stack }: Attack): Promise<string> {
  const asked: Sent = { method: 'GET', path: '/runs?limit=3', headers: devHeaders(MALLORY) };
  return `the newest runs: ${(await send(stack.gateways.dev, asked)).body.slice(0, 2_000)}`;
}

async function one(attack: Attack, operation: Operation): Promise<void> {
  const about = `${operation.method} ${operation.path}`;
  const documented = operation.statuses.filter((status) => status > 500);
  await fuzz(attack, { batch: name, about }, requestsOf(operation, attack.interface.resolve), async (sent) => {
    const { status, headers, body } = await send(attack.stack.gateways.dev, sent);
    const problems = problemsOf(
      { status, text: `${headers}\n\n${body}`, documented, reader: 'other' },
      attack.stack.canaries,
    );
    return status === 0 ? [...problems, `there was no answer; ${await newestRuns(attack)}`] : problems;
  });
}

export const fuzzHttp: Batch = {
  name,
  about: 'made-up requests of every route of the OpenAPI document',
  random: true,
  run: (attack) => eachOf(attack.interface.operations, (operation) => one(attack, operation)),
};
