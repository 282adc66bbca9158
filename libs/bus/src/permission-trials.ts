import {
  type AppName,
  APPS,
  BUCKETS,
  CONSUMERS,
  inboxPrefix,
  permissionsOf,
  SYSTEM_PRODUCERS,
} from '@switchyard/contracts';

/*
 * What is tried with an app's login to find out whether the server gives it the permissions of the contracts, and no
 * others. Pure.
 */

export interface Trial {
  readonly verb: 'publish' | 'subscribe';
  readonly subject: string;
  readonly queue?: string;
}

export interface Trials {
  /** Each permission that the app has to have. */
  readonly must: readonly Trial[];
  /** One or more for each guarantee of the permissions (P1 to P6) that this app could break. */
  readonly mustNot: readonly Trial[];
}

/** Stands in the place of a wildcard: an id that nothing has. */
const NOBODY = 'doctor';

const publish = (subject: string): Trial => ({ verb: 'publish', subject });
const subscribe = (pattern: string): Trial => {
  const [subject = '', queue] = pattern.split(' ');
  return { verb: 'subscribe', subject, ...(queue === undefined ? {} : { queue }) };
};

export function trialsOf(app: AppName): Trials {
  const own = permissionsOf(app);
  const others = APPS.filter((other) => other !== app);
  const foreign = [
    'run.doctor.doctor.doctor',
    'live.doctor.doctor.delta',
    'cmd.run.doctor.doctor',
    ...Object.keys(SYSTEM_PRODUCERS).map((token) => `sys.${token}.doctor`),
    ...CONSUMERS.map(({ app: owner, stream }) => `$JS.API.CONSUMER.MSG.NEXT.${stream}.${owner}`),
    // Of a stream that does not exist: who may not do it to this one, and still to another, has a list of streams.
    '$JS.API.STREAM.DELETE.doctor',
    '$JS.API.STREAM.PURGE.doctor',
    '$JS.API.STREAM.UPDATE.RUNS',
    ...BUCKETS.flatMap(({ bucket }) => others.map((other) => `$KV.${bucket}.${other}.doctor`)),
  ].filter((subject) => !own.publish.some((pattern) => covers(pattern, subject)));
  const unheard = [
    '>',
    `${inboxPrefix(others[0]!)}.>`,
    // P3: outside of its own queue group an app hears no request, not even those that it answers.
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

/** Whether a permission for `pattern` is one for `subject`, which has no wildcards. */
export function covers(pattern: string, subject: string): boolean {
  const [wanted, given] = [pattern.split('.'), subject.split('.')];
  for (const [n, token] of wanted.entries()) {
    if (token === '>') return given.length > n;
    if (given[n] === undefined || (token !== '*' && token !== given[n])) return false;
  }
  return wanted.length === given.length;
}
