import { code, GENERATED, table } from './markdown.mjs';

const HOUR_MS = 3_600_000;

/** docs/reference/subjects.md: every subject, who says it, who hears it. */
export function renderSubjects(contracts) {
  const { REQUESTS, RUN_EVENTS, SYSTEM_EVENTS, STREAMS, CONSUMERS, SYSTEM_PRODUCERS, allPermissions } = contracts;
  return `${GENERATED}

# Subjects

Every message on NATS is declared once, in \`libs/contracts\`. Bodies are plain JSON; schemas are in
[asyncapi.json](asyncapi.json). Ids in subjects match \`^[A-Za-z0-9_-]{1,64}$\`.

## Requests

Core NATS request/reply; the queue group is the name of the answering app. Headers: \`traceparent\`, \`tracestate\`, \`baggage\`, \`deadline\`
(absolute, ms), \`idempotency-key\`; a refusal carries \`error-code\` ([errors.md](errors.md)).

${table(
  ['subject', 'answered by', 'asked by', 'timeout', 'what'],
  REQUESTS.map((r) => [code(r.subject), r.answeredBy, r.askedBy.join(', '), seconds(r.timeoutMs), r.summary]),
)}

## Facts of runs

Subject \`run.<tenant>.<runId>.<type>\`, a CloudEvents 1.0 document, message id \`<runId>:<seq>\`. Written by the
orchestrator alone, after the commit.

${table(
  ['type', 'what', 'data'],
  RUN_EVENTS.map((e) => [code(e.type), e.summary, fields(e.data)]),
)}

## Facts outside runs

Subject \`sys.<type>\`, a document \`{type, data, app, instance, seq, ts}\`. Each producer process (\`instance\`) numbers
its own from 1, so a hole shows.

${table(
  ['subject', 'from', 'what', 'data'],
  SYSTEM_EVENTS.map((e) => [code(`sys.${e.type}`), SYSTEM_PRODUCERS[e.type.split('.')[0]], e.summary, fields(e.data)]),
)}

## Not stored

${table(
  ['subject', 'from', 'what'],
  [
    [
      code('live.<tenant>.<runId>.delta'),
      'orchestrator',
      'Text while the model speaks; the finished message is a fact.',
    ],
    [code('cmd.run.<tenant>.<runId>'), 'orchestrator', 'Wake-up: "look at this run". Carries nothing else.'],
    [code('ctl.<app>.abort'), 'the asking app', 'Stop work on one request.'],
  ],
)}

## Streams

All of it can be rebuilt from PostgreSQL.

${table(
  ['stream', 'subjects', 'retention', 'kept', 'durable consumers', 'what'],
  Object.values(STREAMS).map((s) => [
    code(s.name),
    s.subjects.map(code).join(', '),
    `${s.retention}, discard ${s.discard}`,
    `${s.maxAgeMs / HOUR_MS} h, ${Math.round(s.maxBytes / 1024 ** 2)} MiB, ${s.maxMessages.toLocaleString('en')} messages`,
    CONSUMERS.filter((c) => c.stream === s.name)
      .map((c) => c.app)
      .join(', ') || 'none',
    s.summary,
  ]),
)}

## Permissions

What each login may say and hear; the same table for the server is \`infra/nats/permissions.conf\`.
\`subject queue\` allows the subscription in that queue group alone.

${allPermissions()
  .map(({ speaker, permissions }) => permissionsSection(speaker, permissions))
  .join('\n\n')}
`;
}

function permissionsSection(speaker, { publish, publishDeny, subscribe }) {
  const list = (title, values) =>
    values.length === 0 ? [] : [`${title}\n\n${values.map((v) => `- ${code(v)}`).join('\n')}`];
  const sections = [
    ...list('Publishes:', publish),
    ...list('But not:', publishDeny),
    ...list('Subscribes:', subscribe),
  ];
  return `### ${speaker}\n\n${sections.join('\n\n')}`;
}

function fields(schema) {
  const shape = schema.shape ?? {};
  return Object.keys(shape).map(code).join(', ') || 'none';
}

function seconds(ms) {
  return `${ms / 1000} s`;
}
