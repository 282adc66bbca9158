import {
  APPS,
  BUCKETS,
  CONSUMERS,
  inboxPrefix,
  permissionsOf,
  type Speaker,
  STREAMS,
  SYSTEM_PRODUCERS,
} from '@switchyard/contracts';

/*
 * The trials by which the doctor finds out whether a login has exactly the permissions of the contracts: as a subject
 * to publish to, as the reply of a request, as a subscription with wildcards, and in JetStream's own API. Pure.
 */

export interface Trial {
  readonly verb: 'publish' | 'subscribe';
  readonly subject: string;
  readonly queue?: string;
}

export interface Trials {
  /** Each permission that the app must have. */
  readonly must: readonly Trial[];
  /** For each guarantee of the permissions (see contracts/permissions.ts) that this app could break: one or more. */
  readonly mustNot: readonly Trial[];
}

/** Replaces a wildcard: an id that nothing has. */
const NOBODY = 'doctor';

const publish = (subject: string): Trial => ({ verb: 'publish', subject });
const subscribe = (pattern: string): Trial => {
  const [subject = '', queue] = pattern.split(' ');
  return { verb: 'subscribe', subject, ...(queue === undefined ? {} : { queue }) };
};

/** Operations on a stream that only its administrator may perform. `doctor` names a stream that does not exist. */
const STREAM_VERBS = [
  'DELETE',
  'PURGE',
  'MSG.DELETE',
  'SNAPSHOT',
  'RESTORE',
  'LEADER.STEPDOWN',
  'PEER.REMOVE',
] as const;
/** Subscriptions to everything, or to other services' replies, in all the ways that wildcards allow. */
const TOO_WIDE = [
  '>',
  '*.>',
  '_INBOX.>',
  '_INBOX.*',
  '_INBOX.*.*',
  '_INBOX.*.>',
  '$JS.>',
  '$KV.>',
  '$SYS.>',
  'rpc.>',
  'cmd.>',
];

export function trialsOf(app: Speaker): Trials {
  const own = permissionsOf(app);
  const others = APPS.filter((other) => other !== app);
  const foreign = [
    'run.doctor.doctor.doctor',
    'live.doctor.doctor.delta',
    'cmd.run.doctor.doctor',
    ...Object.keys(SYSTEM_PRODUCERS).map((token) => `sys.${token}.doctor`),
    ...CONSUMERS.map(({ app: owner, stream }) => `$JS.API.CONSUMER.MSG.NEXT.${stream}.${owner}`),
    // On a stream that does not exist: a login that may not do it to this one, but to another, has a list of streams.
    ...STREAM_VERBS.map((verb) => `$JS.API.STREAM.${verb}.doctor`),
    ...Object.values(STREAMS).flatMap(({ name }) => [
      `$JS.API.STREAM.UPDATE.${name}`,
      `$JS.API.STREAM.MSG.GET.${name}`,
      `$JS.API.DIRECT.GET.${name}`,
      `$JS.API.CONSUMER.CREATE.${name}`,
      `$JS.API.CONSUMER.DURABLE.CREATE.${name}.doctor`,
    ]),
    ...CONSUMERS.flatMap(({ app: owner, stream }) => [
      `$JS.API.CONSUMER.CREATE.${stream}.${owner}`,
      `$JS.API.CONSUMER.DELETE.${stream}.${owner}`,
    ]),
    // A reply goes only to callers that may ask: the server refuses to forge one for anybody else.
    ...[...APPS, 'operator'].map((asker) => `${inboxPrefix(asker)}.doctor`),
    '$SYS.REQ.SERVER.PING',
    ...BUCKETS.flatMap(({ bucket }) => others.map((other) => `$KV.${bucket}.${other}.doctor`)),
  ].filter(
    (subject) =>
      !own.publish.some((pattern) => covers(pattern, subject)) ||
      own.publishDeny.some((pattern) => covers(pattern, subject)),
  );
  const unheard = [
    ...TOO_WIDE,
    ...others.flatMap((other) => [`${inboxPrefix(other)}.>`, `${inboxPrefix(other)}.*`]),
    ...['run.>', 'run.*.>', 'live.>', 'sys.>', 'cmd.run.>'].filter(
      (subject) => !own.subscribe.some((o) => covers(o, subject)),
    ),
    // Outside of its own queue group an app receives no request, not even those that it answers.
    ...own.subscribe.flatMap((pattern) => (pattern.includes(' ') ? [pattern.split(' ')[0]!] : [])).slice(0, 1),
  ];
  return {
    must: [...own.publish.map((pattern) => publish(concrete(pattern))), ...own.subscribe.map(subscribe)],
    mustNot: [...foreign.map(publish), ...unheard.map(subscribe)],
  };
}

function concrete(pattern: string): string {
  return pattern
    .split('.')
    .map((token) => (token === '*' || token === '>' ? NOBODY : token))
    .join('.');
}

/** True if a permission for `pattern` covers `subject`, which has no wildcards. */
export function covers(pattern: string, subject: string): boolean {
  const [wanted, given] = [pattern.split('.'), subject.split('.')];
  for (const [n, token] of wanted.entries()) {
    if (token === '>') return given.length > n;
    if (given[n] === undefined || (token !== '*' && token !== given[n])) return false;
  }
  return wanted.length === given.length;
}
