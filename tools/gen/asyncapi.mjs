import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
// The zod with which the contracts were built: a second copy does not know their schemas.
const { z } = createRequire(join(here, '../../libs/contracts/package.json'))('zod');

const CLOUD_EVENT_PLACE = {
  type: 'object',
  required: [
    'specversion',
    'id',
    'source',
    'type',
    'time',
    'datacontenttype',
    'data',
    'tenantid',
    'runid',
    'seq',
    'epoch',
  ],
  properties: {
    specversion: { const: '1.0' },
    id: { type: 'string' },
    source: { type: 'string' },
    time: { type: 'string', format: 'date-time' },
    datacontenttype: { const: 'application/json' },
    tenantid: { type: 'string' },
    runid: { type: 'string' },
    stepid: { type: 'string' },
    seq: { type: 'integer', minimum: 1 },
    epoch: { type: 'integer', minimum: 0 },
  },
};

const ID = { description: '1 to 64 letters, digits, "-" and "_".' };

/** An AsyncAPI 3.0 document of the whole system: a channel per subject, an operation per request and fact. */
export function renderAsyncApi(contracts) {
  const { REQUESTS, RUN_EVENTS, SYSTEM_EVENTS, SYSTEM_PRODUCERS, LiveDelta } = contracts;
  const doc = {
    asyncapi: '3.0.0',
    info: {
      title: 'Switchyard',
      version: '1.0.0',
      description: 'Requests and facts on NATS. Generated from libs/contracts.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    servers: { nats: { host: 'localhost:4222', protocol: 'nats', description: 'NATS with JetStream' } },
    channels: {},
    operations: {},
    components: { messages: {} },
  };
  for (const r of REQUESTS) addRequest(doc, r);
  for (const e of RUN_EVENTS) {
    addFact(doc, {
      key: `run.${e.type}`,
      address: `run.{tenantId}.{runId}.${e.type}`,
      parameters: { tenantId: ID, runId: ID },
      from: 'orchestrator',
      summary: e.summary,
      payload: cloudEvent(e),
    });
  }
  for (const e of SYSTEM_EVENTS) {
    const from = SYSTEM_PRODUCERS[e.type.split('.')[0]];
    const payload = systemDocument(contracts.SystemEventPlace, e);
    addFact(doc, { key: `sys.${e.type}`, address: `sys.${e.type}`, from, summary: e.summary, payload });
  }
  addFact(doc, {
    key: 'live.delta',
    address: 'live.{tenantId}.{runId}.delta',
    parameters: { tenantId: ID, runId: ID },
    from: 'orchestrator',
    summary: 'A piece of text while the model speaks; never stored.',
    payload: schema(LiveDelta, 'output'),
  });
  addFact(doc, {
    key: 'cmd.run',
    address: 'cmd.run.{tenantId}.{runId}',
    parameters: { tenantId: ID, runId: ID },
    from: 'orchestrator',
    summary: 'Wake-up: look at this run. The subject says it all.',
    payload: { description: 'Empty.' },
  });
  return doc;
}

function addRequest(doc, r) {
  const key = name(r.subject);
  doc.components.messages[`${key}_input`] = message(`${r.subject} input`, r.summary, schema(r.input, 'input'));
  doc.components.messages[`${key}_output`] = message(`${r.subject} output`, r.summary, schema(r.output, 'output'));
  doc.channels[key] = {
    address: r.subject,
    description: r.summary,
    messages: { input: ref(`messages/${key}_input`) },
    bindings: { nats: {} },
  };
  doc.channels[`${key}_reply`] = {
    address: null,
    description: 'The private inbox of the asking app. Progress frames come first, then one answer.',
    messages: { output: ref(`messages/${key}_output`) },
  };
  doc.operations[key] = {
    action: 'receive',
    summary: r.summary,
    channel: { $ref: `#/channels/${key}` },
    reply: { channel: { $ref: `#/channels/${key}_reply` } },
    bindings: { nats: { queue: r.answeredBy } },
    'x-answered-by': r.answeredBy,
    'x-asked-by': [...r.askedBy],
    'x-timeout-ms': r.timeoutMs,
  };
}

function addFact(doc, { key, address, parameters, from, summary, payload }) {
  const id = name(key);
  doc.components.messages[id] = message(key, summary, payload);
  doc.channels[id] = {
    address,
    description: summary,
    messages: { fact: ref(`messages/${id}`) },
    ...(parameters ? { parameters } : {}),
  };
  doc.operations[id] = { action: 'send', summary, channel: { $ref: `#/channels/${id}` }, 'x-sent-by': from };
}

function message(title, summary, payload) {
  return { name: title, title, summary, contentType: 'application/json', payload };
}

function cloudEvent(event) {
  return {
    ...CLOUD_EVENT_PLACE,
    properties: {
      ...CLOUD_EVENT_PLACE.properties,
      type: { const: event.type },
      data: schema(event.data, 'output'),
    },
  };
}

function systemDocument(place, event) {
  const { properties, required, ...rest } = schema(place, 'output');
  return {
    ...rest,
    properties: { ...properties, type: { const: event.type }, data: schema(event.data, 'output') },
    required: [...required, 'type', 'data'],
  };
}

/** JSON Schema draft 7 of a zod schema; what JSON Schema cannot say is "anything". */
function schema(zodSchema, io) {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(zodSchema, { target: 'draft-7', io, unrepresentable: 'any' });
  return rest;
}

function ref(path) {
  return { $ref: `#/components/${path}` };
}

function name(subject) {
  return subject.replaceAll(/[^A-Za-z0-9]+/g, '_');
}
