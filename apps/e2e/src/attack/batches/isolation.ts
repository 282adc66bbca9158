import {
  type Attack,
  type Batch,
  devHeaders,
  eachOf,
  type HttpCase,
  INTRUDERS,
  tryHttp,
  type World,
} from '../kit/index.ts';

/*
 * A resource of somebody else gets the same status and the same words as one that does not exist, except for the id in
 * them.
 */

const name = 'isolation';
type Ids = World;

/** An id in the shape of a real one that names no resource. */
const GHOSTS: Ids = {
  runId: '01GHOSTGHOSTGHOSTGHOSTGHOS',
  otherRunId: '01GHOSTGHOSTGHOSTGHOSTGHOR',
  waitingRunId: '01GHOSTGHOSTGHOSTGHOSTGHOT',
  approvalId: 'ghost-approval',
  effectId: '01GHOSTGHOSTGHOSTGHOSTGHOU',
  doubtfulEffectId: '01GHOSTGHOSTGHOSTGHOSTGHOV',
  toolName: 'books__ghost',
  threadId: 'thread-of-a-ghost',
};

interface Endpoint {
  readonly method: string;
  readonly path: (ids: Ids) => string;
  readonly body?: (ids: Ids) => object;
  /** A list shows what its reader may see: a colleague sees more than a user of another tenant. */
  readonly tenantWide?: boolean;
}

const get = (path: Endpoint['path'], more: Partial<Endpoint> = {}): Endpoint => ({ method: 'GET', path, ...more });
const post = (path: Endpoint['path'], body: Endpoint['body'] = () => ({})): Endpoint => ({
  method: 'POST',
  path,
  body,
});

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  'a run': get(({ runId }) => `/runs/${runId}`),
  'a waiting run': get(({ waitingRunId }) => `/runs/${waitingRunId}`),
  'events of a run': get(({ runId }) => `/runs/${runId}/events`),
  'events, from a cursor': get(({ runId }) => `/runs/${runId}/events?after=${runId}:2`),
  'events in the dialect of AG-UI': get(({ runId }) => `/runs/${runId}/events?dialect=ag-ui&mode=replay`),
  'a cancel': post(({ waitingRunId }) => `/runs/${waitingRunId}/cancel`),
  'an approval': post(
    ({ waitingRunId, approvalId }) => `/runs/${waitingRunId}/approvals/${approvalId}`,
    () => ({ decision: 'approve' }),
  ),
  'a denial': post(
    ({ waitingRunId, approvalId }) => `/runs/${waitingRunId}/approvals/${approvalId}`,
    () => ({ decision: 'deny' }),
  ),
  'runs of a thread': get(({ threadId }) => `/runs?thread_id=${threadId}`),
  'an effect': get(({ effectId }) => `/effects/${effectId}`),
  'an effect in doubt': get(({ doubtfulEffectId }) => `/effects/${doubtfulEffectId}`),
  'settling an effect': post(
    ({ doubtfulEffectId }) => `/effects/${doubtfulEffectId}/settle`,
    () => ({ outcome: 'failed', note: 'I was not there' }),
  ),
  'effects of a run': get(({ runId }) => `/effects?run_id=${runId}`),
  'audit of a run': get(({ runId }) => `/audit?run_id=${runId}`),
  'a dead letter': post(({ runId }) => `/dead-letters/${runId}/requeue`),
  'a tool': get(({ toolName }) => `/tools/${toolName}`, { tenantWide: true }),
  'a call of a tool': {
    ...post(
      ({ toolName }) => `/tools/${toolName}/call`,
      () => ({ arguments: {} }),
    ),
    tenantWide: true,
  },
  'removing a tool': { method: 'DELETE', path: ({ toolName }) => `/tools/${toolName}` },
  'the rules of a tool': get(({ toolName }) => `/tool-rules?user=ada&tool=${toolName}`, { tenantWide: true }),
};

/** Starts something under an id that somebody else uses. It runs last, since it creates what it asks for. */
const SAME_ID: Readonly<Record<string, Endpoint>> = {
  'the same id in a link': get(({ otherRunId }) => `/orchestrate/stream?run_id=${otherRunId}&task=calculate%201%2B1`),
  'a run with the same id': post(
    () => '/runs',
    ({ runId }) => ({ task: 'calculate 1+1', run_id: runId }),
  ),
  'the same id over AG-UI': post(
    () => '/ag-ui',
    ({ waitingRunId }) => ({
      runId: waitingRunId,
      threadId: 'fresh',
      messages: [{ id: 'm', role: 'user', content: 'calculate 1+1' }],
      tools: [],
      context: [],
      state: {},
      forwardedProps: {},
    }),
  ),
};

/** Removes what differs between any two answers: the id of the request, times, trace ids. */
function comparable(text: string, ids: Ids): string {
  return Object.values(ids)
    .reduce((rest, id) => rest.replaceAll(id, 'ID'), text)
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z?/g, 'TIME')
    .replaceAll(/\b\d{13}\b/g, 'TIME')
    .replaceAll(/"(request|trace)_?id":"[^"]*"/gi, '"trace":"ID"')
    .replaceAll(/\b[0-9A-HJKMNP-TV-Z]{26}\b/g, 'ID');
}

async function compare(attack: Attack, who: string, what: string, endpoint: Endpoint): Promise<void> {
  const person = INTRUDERS[who]!;
  // A colleague sees the tools of the tenant.
  if (endpoint.tenantWide && person.tenant === 'acme') return;
  const ask = (ids: Ids): Promise<{ status: number; body: string }> => {
    const { body } = endpoint;
    const each: HttpCase = {
      name: `${who}: ${what}`,
      method: endpoint.method,
      path: endpoint.path(ids),
      headers: devHeaders(person),
      ...(body ? { body: JSON.stringify(body(ids)) } : {}),
    };
    return tryHttp(attack, name, each);
  };
  const [real, ghost] = [await ask(attack.world), await ask(GHOSTS)];
  const said = [real, ghost].map(({ status, body }) => `${status} ${comparable(body, attack.world)}`);
  const [ofReal, ofGhost] = [said[0]!, comparable(said[1]!, GHOSTS)];
  // The answer tells about the attacker's own run; only that it was accepted may be the same.
  const same = Object.hasOwn(SAME_ID, what) ? real.status === ghost.status : ofReal === ofGhost;
  if (same) return;
  attack.findings.add({
    batch: name,
    case: `${who}: ${what}`,
    what: `something that exists answers otherwise than what does not: ${ofReal.slice(0, 200)} / ${ofGhost.slice(0, 200)}`,
    sent: `${endpoint.method} ${endpoint.path(attack.world)}`,
  });
}

/** Checks that the victim's data is still there and unchanged. */
async function untouched(attack: Attack): Promise<void> {
  const { world } = attack;
  const ada = devHeaders({ tenant: 'acme', user: 'ada' });
  const check = async (what: string, path: string, holds: (body: string) => boolean) => {
    const answer = await tryHttp(attack, name, {
      name: what,
      method: 'GET',
      path,
      headers: ada,
      wants: [200],
      reader: 'victim',
    });
    if (answer.status === 200 && !holds(answer.body))
      attack.findings.add({ batch: name, case: what, what: `the victim's own changed: ${answer.body.slice(0, 200)}` });
  };
  await check('the run still waits for ada', `/runs/${world.waitingRunId}`, (body) => body.includes(world.approvalId));
  await check('the effect is still in doubt', `/effects/${world.doubtfulEffectId}`, (body) =>
    body.includes('in_doubt'),
  );
  await check('the tool is still there', `/tools/${world.toolName}`, (body) => body.includes(world.toolName));
}

/** An auditor of the same tenant may read and do nothing else. */
const AUDITOR_MAY_NOT = [
  'a cancel',
  'an approval',
  'a denial',
  'settling an effect',
  'removing a tool',
  'a dead letter',
];

async function auditor(attack: Attack): Promise<void> {
  const headers = devHeaders({ tenant: 'acme', user: 'inspector', role: 'auditor' });
  for (const what of AUDITOR_MAY_NOT) {
    const { method, path, body } = ENDPOINTS[what]!;
    await tryHttp(attack, name, {
      name: `an auditor of the tenant: ${what}`,
      method,
      path: path(attack.world),
      headers,
      ...(body ? { body: JSON.stringify(body(attack.world)) } : {}),
      wants: [403, 404],
      reader: 'victim',
    });
  }
}

export const isolation: Batch = {
  name,
  about: 'what somebody else has, asked for by four kinds of intruders, against what does not exist',
  run: async (attack) => {
    const pairs = Object.keys(INTRUDERS).flatMap((who) =>
      Object.entries(ENDPOINTS).map((entry) => [who, ...entry] as const),
    );
    await eachOf(pairs, ([who, what, endpoint]) => compare(attack, who, what, endpoint), 4);
    for (const [what, endpoint] of Object.entries(SAME_ID))
      await compare(attack, 'an admin of another tenant', what, endpoint);
    await auditor(attack);
    await untouched(attack);
  },
};
