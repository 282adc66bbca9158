import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:net';
import {
  answersIn,
  type Attack,
  type Batch,
  devHeaders,
  eachOf,
  type HttpCase,
  MALLORY,
  problemsOf,
  sendRaw,
  tryAll,
} from '../kit/index.ts';

/* Bodies, ids, queries, headers and framing that no honest client sends. */

const name = 'hostile-http';
const HEADERS = devHeaders(MALLORY);
/** A malformed body: the gateway must refuse it, and never take it for another request. */
const REFUSED = [400, 401, 403, 404, 405, 413, 415, 422, 429];
const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

const BODIES: readonly (readonly [string, string | Uint8Array])[] = [
  ['no JSON', '{"task": '],
  ['bytes that are no text', new Uint8Array([0, 255, 1, 254, 0xc0, 0x80])],
  ['a number', '1'],
  ['null', 'null'],
  ['a list', '[]'],
  ['a string', '"task"'],
  ['wrong types', '{"task": {"a": 1}, "tool": 7, "principal": {"role": "admin"}, "arguments": "x", "url": []}'],
  ['a poisoned prototype', '{"task": "x", "__proto__": {"role": "admin"}}'],
  ['a poisoned constructor', '{"task": "x", "constructor": {"prototype": {"role": "admin"}}}'],
  [
    'lengths that cannot be compared',
    JSON.stringify(
      Object.fromEntries(
        'task tool url definition arguments reason decision outcome note content messages runId threadId run_id'
          .split(' ')
          .map((field) => [field, { length: { toString: 5 }, size: { toString: 5 } }]),
      ),
    ),
  ],
  ['a name twice', '{"task": 5, "task": {"$ne": 1}}'],
  ['a huge number', '{"task": 1e999, "limit": 123456789012345678901234567890}'],
  ['half a surrogate', '{"task": "\\ud800", "run_id": "\\udfff"}'],
  ['NUL and line breaks in ids', '{"task": 1, "run_id": "a\\u0000b\\r\\nX: 1", "thread_id": "a.>"}'],
];

/** These cases are slow, so they run only on the routes whose bodies differ most. */
const LARGE: readonly (readonly [string, string])[] = [
  ['depth', `{"task": "x", "more": ${nested(20_000)}}`],
  ['lists in lists', `${'['.repeat(50_000)}${']'.repeat(50_000)}`],
  ['9 MB', `{"task": "${'y'.repeat(9_000_000)}"}`],
  ['300,000 keys', `{${Array.from({ length: 300_000 }, (_, n) => `"k${n}":0`).join(',')}}`],
];
const TAKE_LARGE: ReadonlySet<string> = new Set(['/runs', '/mcp', '/a2a', '/ag-ui', '/tools', '/orchestrate/stream']);

const IDS = [
  'a.%3E',
  '%2e%2e',
  '..%2f..%2fetc%2fpasswd',
  '*',
  '%3E',
  'a%20b',
  'a'.repeat(65),
  'a'.repeat(9_000),
  '%00',
  '%0d%0aX-Injected:%201',
  '%F0%9F%92%A9',
  '%zz',
  '%c0%af',
  '__proto__',
  'constructor',
  '$JS.API.STREAM.PURGE.RUNS',
  "'%20or%201=1",
  '-1',
];

const QUERIES = [
  '?limit=-1',
  '?limit=1e9',
  '?limit=5&limit=6',
  '?limit[]=5',
  '?cursor=%00',
  '?cursor=eyJhIjoxfQ',
  `?cursor=${'x'.repeat(8_000)}`,
  '?status=*&status=>',
  '?__proto__[role]=admin',
  '?a=%',
  '?after=a.%3E:1',
  `?${'a=1&'.repeat(2_000)}`,
];

const ODD_HEADERS: readonly (readonly [string, string])[] = [
  ['Content-Type', 'application/xml'],
  ['Content-Type', 'multipart/form-data; boundary=x'],
  ['Content-Type', 'application/json; charset=utf-7'],
  ['Content-Type', 'application/json;'.padEnd(4_000, 'a')],
  ['Content-Encoding', 'gzip'],
  ['Content-Length', '3'],
  ['Transfer-Encoding', 'identity'],
  ['Idempotency-Key', 'k'.repeat(5_000)],
  ['Idempotency-Key', 'a b\tc'],
  ['Last-Event-ID', 'a.>:1'],
  ['Last-Event-ID', '9'.repeat(400)],
  ['Accept', '*/*;q=nonsense'],
  ['X-Forwarded-For', '127.0.0.1'],
  ['X-HTTP-Method-Override', 'DELETE'],
  ['traceparent', '00-zz-zz-zz'],
  ['Expect', '100-continue'],
  ['Upgrade', 'websocket'],
  ['X-Switchyard-Ticket', 'x'],
];

/** Requests as bytes. All must be refused, or be one request alone. */
const FRAMED: readonly (readonly [string, string])[] = [
  [
    'both lengths',
    'POST /runs HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n',
  ],
  [
    'two lengths',
    'POST /runs HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 30\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n',
  ],
  [
    'a length with a sign',
    'POST /runs HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n',
  ],
  [
    'chunked twice',
    'POST /runs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n',
  ],
  [
    'chunked, spelled oddly',
    'POST /runs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n',
  ],
  [
    'a broken chunk',
    'POST /runs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n',
  ],
  ['a bare line feed', 'GET /runs HTTP/1.1\nHost: x\nContent-Length: 0\n\nGET /metrics HTTP/1.1\nHost: x\n\n'],
  ['a folded header', 'GET /runs HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n X-User-Id: ada\r\n\r\n'],
  ['no host', 'GET /runs HTTP/1.1\r\n\r\n'],
  ['two hosts', 'GET /runs HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  ['HTTP/9.9', 'GET /runs HTTP/9.9\r\nHost: x\r\n\r\n'],
  ['noise', '\u0000\u0001\u0002noise\r\n\r\n'],
  ['a header of 20 kB', `GET /runs HTTP/1.1\r\nHost: x\r\nX-Big: ${'a'.repeat(20_000)}\r\n\r\n`],
  ['3,000 headers', `GET /runs HTTP/1.1\r\nHost: x\r\n${'X-A: 1\r\n'.repeat(3_000)}\r\n`],
  ['an absolute address', 'GET http://127.0.0.1:1/runs HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a tunnel', 'CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['TRACE', 'TRACE /runs HTTP/1.1\r\nHost: x\r\nX-Secret: 1\r\n\r\n'],
];

function fixedCases({ interface: { operations } }: Attack): HttpCase[] {
  const guarded = operations.filter((operation) => operation.guarded);
  const withBody = guarded.filter(({ body }) => body !== undefined);
  const withId = guarded.filter(({ path }) => path.includes('{'));
  const lists = guarded.filter(
    ({ method, parameters }) => method === 'GET' && parameters.some((p) => p.in === 'query'),
  );
  const concrete = (path: string, id = 'nothing') => path.replaceAll(/\{\w+\}/g, id);
  return [
    ...withBody.flatMap(({ method, path }) =>
      [...BODIES, ...(TAKE_LARGE.has(path) ? LARGE : [])].map(([what, body]) => ({
        name: `${method} ${path}: ${what}`,
        method,
        path: concrete(path),
        headers: HEADERS,
        body,
        // A body that nobody reads is no mistake where everything in it may be left out.
        // One that is too large may be refused, and the connection closed, while it is still being sent.
        ...(path === '/mcp' ? {} : { wants: [200, 202, ...REFUSED, ...(what === '9 MB' ? [0] : [])] }),
      })),
    ),
    ...withId.flatMap(({ method, path }) =>
      IDS.map((id) => ({
        name: `${method} ${path}: id ${id.slice(0, 40)}`,
        method,
        path: concrete(path, id),
        headers: HEADERS,
        ...(method === 'GET' ? {} : { body: '{}' }),
        wants: [...REFUSED, 414, 431, 0, ...(path.startsWith('/tools') || path.includes('auth') ? [200, 204] : [])],
      })),
    ),
    ...lists.flatMap(({ method, path }) =>
      QUERIES.map((query) => ({
        name: `${method} ${path}${query.slice(0, 40)}`,
        method,
        path: `${concrete(path)}${query}`,
        headers: HEADERS,
      })),
    ),
    ...ODD_HEADERS.flatMap(([header, value]) =>
      [...new Set(['/runs', '/orchestrate/stream', '/ag-ui', '/mcp'])].map((path) => ({
        name: `POST ${path}: ${header}: ${value.slice(0, 30)}`,
        method: 'POST',
        path,
        headers: [...HEADERS, [header, value] as [string, string]],
        body: '{"task": 5}',
        wants: [0, ...REFUSED, 431, ...(path === '/mcp' ? [200, 202] : [])],
      })),
    ),
  ];
}

/** Each tool judges its arguments by its own schema. */
const ARGUMENTS = [
  '{"length":{"toString":5}}',
  '{"__proto__":{"a":1}}',
  '{"toString":5}',
  '"x"',
  '[]',
  'null',
  '1e999',
];

function argumentCases(): HttpCase[] {
  const tools: readonly (readonly [string, string])[] = [
    ['calculator', 'expression'],
    ['get_note', 'name'],
    ['get_weather', 'location'],
  ];
  return tools.flatMap(([tool, field]) =>
    ARGUMENTS.flatMap((value) =>
      [`{"arguments":{"${field}":${value}}}`, `{"arguments":${value}}`].map((body) => ({
        name: `POST /tools/${tool}/call: ${body}`,
        method: 'POST',
        path: `/tools/${tool}/call`,
        headers: HEADERS,
        body,
        wants: [200, 400],
      })),
    ),
  );
}

async function framing(attack: Attack): Promise<void> {
  const { stack, findings } = attack;
  await eachOf(FRAMED, async ([what, bytes]) => {
    findings.tried(name);
    const answer = await sendRaw(stack.gateways.dev, bytes);
    const judged = { status: answer.status, text: `${answer.headers}\n${answer.body}`, reader: 'other' as const };
    const problems = problemsOf({ ...judged, documented: [501, 505] }, stack.canaries);
    if (answersIn(answer) > 1) problems.push('was taken for two requests');
    if (answer.status >= 200 && answer.status < 300) problems.push(`was answered ${answer.status}`);
    for (const problem of problems) findings.add({ batch: name, case: `framing: ${what}`, what: problem, sent: bytes });
  });
}

const SLOW_CONNECTIONS = 150;
const SLOW_WAIT_MS = 3_000;

/**
 * Many connections that send their headers one byte at a time. The gateway must serve others meanwhile; the check after
 * the batch shows it.
 */
async function slowly({ stack, findings }: Attack): Promise<void> {
  const { hostname, port } = new URL(stack.gateways.dev);
  const sockets = Array.from({ length: SLOW_CONNECTIONS }, () => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => undefined);
    socket.write('GET /runs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ');
    return socket;
  });
  findings.tried(name, SLOW_CONNECTIONS);
  const end = Date.now() + SLOW_WAIT_MS;
  while (Date.now() < end) {
    for (const socket of sockets) if (socket.writable) socket.write('a');
    await sleep(500);
  }
  for (const socket of sockets) socket.destroy();
}

export const hostileHttp: Batch = {
  name,
  about: 'bodies, ids, queries, headers and framing that no honest client sends; slow clients',
  run: async (attack) => {
    await tryAll(attack, name, [...fixedCases(attack), ...argumentCases()]);
    await framing(attack);
    await slowly(attack);
  },
};
