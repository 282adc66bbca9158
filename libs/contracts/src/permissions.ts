import { APPS, type AppName } from './base/define.ts';
import { REQUESTS } from './registry.ts';
import { STREAMS, type StreamName } from './streams.ts';
import { SYSTEM_EVENTS } from './events/system-events.ts';

/*
 * What each login may say and hear on NATS, derived from the contracts: nobody writes a permission by hand, so a
 * new request or fact brings its own. Default deny. Guarantees:
 * - Only the orchestrator publishes facts of runs, text deltas and wake-ups.
 * - An app publishes system facts under its own name alone.
 * - An app hears requests only in its own queue group, and replies only in its own inbox; nobody else hears them there.
 * - Only the app that owns a durable consumer may fetch from it or acknowledge for it.
 * - Nobody may delete or purge a stream, and only the orchestrator may change one.
 * - An app reads and writes only the entries that its own instances share (leases, records).
 * - An answer goes to the inboxes of the callers that may ask, and nowhere else. `allow_responses` of nats-server is
 *   not used: with it the caller chooses what the answering app publishes to, and the server searches every question of
 *   the last hour on each delivery.
 * - A watcher hears the runs of its tenants, and publishes nothing but questions to JetStream that read them.
 */

export type Speaker = AppName | 'operator' | 'watcher';

export interface SpeakerPermissions {
  readonly publish: readonly string[];
  /** Exceptions from `publish`, if a wildcard covers too much. */
  readonly publishDeny: readonly string[];
  /** A subject, or `subject queue` where only membership in that queue group is allowed. */
  readonly subscribe: readonly string[];
}

/** First token of a system event's type -> the app that may claim it. */
export const SYSTEM_PRODUCERS = {
  gateway: 'gateway',
  tools: 'mcp-tool',
  a2a: 'a2a',
  xmpp: 'xmpp-bridge',
  orchestrator: 'orchestrator',
  audit: 'audit',
} as const satisfies Record<string, AppName>;

/** Durable consumers, named like the app that owns them. */
export const CONSUMERS: readonly { readonly app: AppName; readonly stream: StreamName }[] = [
  { app: 'orchestrator', stream: 'COMMANDS' },
  { app: 'audit', stream: 'RUNS' },
  { app: 'audit', stream: 'SYSTEM' },
];

/** A key-value bucket in which the instances of an app share what they know; each app's entries are under its own name. */
export interface Bucket {
  readonly bucket: string;
  readonly apps: readonly AppName[];
  /** An entry ends so long after it was written last; 0: never. */
  readonly ttlMs: number;
  /** The limit of the whole bucket; a full bucket refuses writes. */
  readonly maxBytes: number;
}

/** The leader among replicas. */
export const LEASES: Bucket = { bucket: 'leases', apps: ['xmpp-bridge'], ttlMs: 0, maxBytes: 1_048_576 };
/** Peers' requests with a key, and their outcomes; kept longer than two of their longest deadlines. */
export const PEER_REQUESTS: Bucket = {
  bucket: 'requests',
  apps: ['xmpp-bridge'],
  ttlMs: 600_000,
  maxBytes: 134_217_728,
};
export const BUCKETS: readonly Bucket[] = [LEASES, PEER_REQUESTS];

/** Core subscriptions to what others say, beside requests and durable consumers. */
const LISTENERS: readonly { readonly app: AppName; readonly subjects: readonly string[] }[] = [
  { app: 'gateway', subjects: ['run.>', 'live.>', 'sys.tools.catalog.>', 'sys.tools.provider.>'] },
  { app: 'orchestrator', subjects: ['cmd.run.>'] },
  { app: 'mcp-tool', subjects: ['sys.tools.definition.>', 'sys.tools.upstream.>', 'sys.tools.provider.>'] },
];

/** Subject on which the asking side tells an answering app to stop work on one request. */
export function abortSubject(app: string): string {
  return `ctl.${app}.abort`;
}

/** Prefix of an app's private reply inboxes. */
export function inboxPrefix(app: string): string {
  return `_INBOX.${app}`;
}

/** The permissions of one app, of the operators, or of a watcher of all tenants. Pure; sorted; without duplicates. */
export function permissionsOf(speaker: Speaker): SpeakerPermissions {
  if (speaker === 'watcher') return watcherPermissions('all');
  const asked = REQUESTS.filter((r) => r.askedBy.includes(speaker));
  const answered = REQUESTS.filter((r) => r.answeredBy === speaker);
  const publish = [
    ...asked.flatMap((r) => [r.subject, abortSubject(r.answeredBy)]),
    ...answered.flatMap((r) => r.askedBy.map((asker) => `${inboxPrefix(asker)}.>`)),
    ...(speaker === 'orchestrator' ? ['run.>', 'live.>', 'cmd.run.>'] : []),
    ...systemSubjects(speaker),
    ...streamSubjects(speaker),
    ...BUCKETS.flatMap(({ bucket, apps }) =>
      apps.filter((app) => app === speaker).flatMap((app) => bucketSubjects(bucket, app)),
    ),
    ...CONSUMERS.filter((c) => c.app === speaker).flatMap(({ app, stream }) => consumerSubjects(stream, app)),
  ];
  const subscribe = [
    `${inboxPrefix(speaker)}.>`,
    ...answered.map((r) => `${r.subject} ${speaker}`),
    ...(answered.length > 0 ? [abortSubject(speaker)] : []),
    ...LISTENERS.filter((l) => l.app === speaker).flatMap((l) => l.subjects),
  ];
  return { publish: sorted(publish), publishDeny: [], subscribe: sorted(subscribe) };
}

/** Streams that a watcher reads; what happens outside of runs names no tenant, so it is for watchers of all. */
const WATCHED_STREAMS: readonly StreamName[] = ['RUNS', 'SYSTEM'];

/**
 * The permissions of a login that looks on. It hears what is said and reads the streams through consumers of its own.
 * `tenants`: of these alone it hears runs and text, and nothing of what happens outside of runs.
 * `inbox`: the prefix under which it gets its answers.
 */
export function watcherPermissions(
  tenants: 'all' | readonly string[],
  inbox = inboxPrefix('watcher'),
): SpeakerPermissions {
  const streams = tenants === 'all' ? WATCHED_STREAMS : WATCHED_STREAMS.filter((stream) => stream === 'RUNS');
  const heard =
    tenants === 'all' ? ['run.>', 'live.>', 'sys.>'] : tenants.flatMap((t) => [`run.${t}.>`, `live.${t}.>`]);
  const publish = streams.flatMap((stream) => {
    const { name } = STREAMS[stream];
    const create = `$JS.API.CONSUMER.CREATE.${name}.*`;
    // A consumer that names its filter in the subject gets what fits the filter; one without a filter gets everything.
    const made =
      tenants === 'all'
        ? [create, `${create}.>`, `$JS.API.STREAM.INFO.${name}`]
        : tenants.map((t) => `${create}.run.${t}.>`);
    return [...made, `$JS.API.CONSUMER.MSG.NEXT.${name}.*`, `$JS.API.CONSUMER.INFO.${name}.*`, `$JS.FC.${name}.>`];
  });
  // The name of a consumer is one token, so what belongs to the services has to be taken out by name.
  const publishDeny = CONSUMERS.filter(({ stream }) => streams.includes(stream)).flatMap(({ app, stream }) => {
    const { name } = STREAMS[stream];
    return [
      `$JS.API.CONSUMER.CREATE.${name}.${app}`,
      `$JS.API.CONSUMER.CREATE.${name}.${app}.>`,
      `$JS.API.CONSUMER.MSG.NEXT.${name}.${app}`,
      `$JS.API.CONSUMER.INFO.${name}.${app}`,
    ];
  });
  return {
    publish: sorted(publish),
    publishDeny: sorted(publishDeny),
    subscribe: sorted([`${inbox}.>`, ...heard]),
  };
}

/** Every login of the services, the operators and the watchers of all tenants with its permissions, in a fixed order. */
export function allPermissions(): readonly { readonly speaker: Speaker; readonly permissions: SpeakerPermissions }[] {
  return [...APPS, 'operator' as const, 'watcher' as const].map((speaker) => ({
    speaker,
    permissions: permissionsOf(speaker),
  }));
}

function systemSubjects(speaker: Speaker): string[] {
  const owned = Object.entries(SYSTEM_PRODUCERS).filter(([, app]) => app === speaker);
  const used = new Set(SYSTEM_EVENTS.map((e) => e.type.split('.')[0]));
  return owned.filter(([token]) => used.has(token)).map(([token]) => `sys.${token}.>`);
}

/** Every service that stores messages creates missing streams; only the orchestrator changes existing ones. */
function streamSubjects(speaker: Speaker): string[] {
  const stores = speaker === 'orchestrator' || systemSubjects(speaker).length > 0;
  if (!stores && !CONSUMERS.some((c) => c.app === speaker)) return [];
  const verbs = speaker === 'orchestrator' ? ['INFO', 'CREATE', 'UPDATE'] : ['INFO', 'CREATE'];
  const streams = Object.values(STREAMS).flatMap(({ name }) => verbs.map((verb) => `$JS.API.STREAM.${verb}.${name}`));
  return ['$JS.API.INFO', ...streams];
}

/** The subjects to create, watch, repair and read one's own durable consumer, from nats-server 2.9 on. */
function consumerSubjects(stream: StreamName, durable: string): string[] {
  const { name } = STREAMS[stream];
  return [
    `$JS.API.CONSUMER.CREATE.${name}.${durable}`,
    `$JS.API.CONSUMER.CREATE.${name}.${durable}.>`,
    `$JS.API.CONSUMER.DURABLE.CREATE.${name}.${durable}`,
    `$JS.API.CONSUMER.INFO.${name}.${durable}`,
    `$JS.API.CONSUMER.DELETE.${name}.${durable}`,
    `$JS.API.CONSUMER.MSG.NEXT.${name}.${durable}`,
    `$JS.ACK.${name}.${durable}.>`,
    `$JS.ACK.*.*.${name}.${durable}.>`,
  ];
}

/** The subjects to create a bucket, and to read and write one's own entries. */
function bucketSubjects(bucket: string, app: AppName): string[] {
  const verbs = ['STREAM.INFO', 'STREAM.CREATE', 'STREAM.MSG.GET'];
  return [`$KV.${bucket}.${app}.>`, ...verbs.map((verb) => `$JS.API.${verb}.KV_${bucket}`)];
}

function sorted(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}
