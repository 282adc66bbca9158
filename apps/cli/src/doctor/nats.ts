import { type BusSeen, probeBus, type Trial } from '@switchyard/bus';
import { type Finding, found } from '@switchyard/contracts';
import type { ServerLogins } from './logins.ts';

/* Checks 30, 35 to 37 and 42: what was seen of NATS, and what it means. The judges are pure. */

const { ok, warn, fail, skipped, notReached } = found;

export interface NatsFindings {
  readonly reached: Finding;
  readonly permissions: Finding;
  readonly streams: Finding;
  readonly consumers: Finding;
  readonly buckets: Finding;
}

/** `serving`: services of this clone run, so what they make when they start has to be there. */
export async function natsFindings(
  { logins, none }: ServerLogins,
  limitMs: number,
  serving: boolean,
): Promise<NatsFindings> {
  const rest = (why: string) => ({
    permissions: notReached(why),
    streams: notReached(why),
    consumers: notReached(why),
    buckets: notReached(why),
  });
  if (none !== undefined) return { reached: skipped(none), ...rest('there is no NATS to ask.') };
  const seen = await Promise.all(
    logins.map(({ app, url, tls }) => probeBus({ url, tls, limitMs, ...(app ? { app } : {}) })),
  );
  const reached = judgeReached(seen, limitMs);
  if (reached.status === 'fail') return { reached, ...rest('check 30 failed.') };
  return {
    reached,
    permissions: judgePermissions(seen),
    streams: judgeStreams(seen, serving),
    consumers: judgeConsumers(seen, serving),
    buckets: judgeBuckets(seen),
  };
}

const OLDEST = [2, 9] as const;
const whose = ({ app }: BusSeen): string => app ?? 'the login of NATS_URL';

export function judgeReached(seen: readonly BusSeen[], limitMs: number): Finding {
  const evidence = seen.map(
    (each) => `${whose(each)} at ${each.server}: ${each.refused ?? `let in (nats-server ${each.version ?? '?'})`}`,
  );
  const [first] = seen;
  const away = seen.find(({ refused }) => refused !== undefined);
  if (away) return fail(sentenceOf(away, limitMs), evidence);
  const [major = 0, minor = 0] = (first?.version ?? '').split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    return fail(`nats-server ${first?.version ?? '?'} is too old; ${OLDEST.join('.')} or newer is needed.`, evidence);
  const all = seen.length > 1 ? `lets in all ${seen.length} services` : `lets in ${whose(first!)}`;
  return ok(`nats-server ${first?.version} at ${first?.server} ${all}.`, evidence);
}

function sentenceOf(seen: BusSeen, limitMs: number): string {
  const { server, refused = '' } = seen;
  if (refused === 'NO_URL') return 'NATS_URL is no URL such as nats://user:password@host:4222: correct it.';
  if (refused === 'ECONNREFUSED')
    return `${server} refused the connection (ECONNREFUSED): no nats-server listens there. Start it, or correct NATS_URL.`;
  if (/AUTHORIZATION|AUTHENTICATION/.test(refused))
    return `${server} refuses the login of ${whose(seen)} (${refused}): the user or password in NATS_URL is not one of the server's.`;
  if (/TIMEOUT|ETIMEDOUT/.test(refused))
    return `${server} did not answer within ${limitMs / 1_000} s: a firewall, or a server that hangs.`;
  if (/ENOTFOUND|EAI_AGAIN/.test(refused)) return `The name in NATS_URL (${server}) is not known to DNS: correct it.`;
  if (/TLS|CERT|SSL|SELF_SIGNED|UNABLE_TO_VERIFY/.test(refused))
    return `${server}: TLS failed (${refused}). tls:// in NATS_URL asks for it; a private CA is named by NODE_EXTRA_CA_CERTS.`;
  return `${server} let nobody in as ${whose(seen)}: ${refused}.`;
}

const named = ({ verb, subject, queue }: Trial): string =>
  `${verb} ${subject}${queue === undefined ? '' : ` (queue ${queue})`}`;

export function judgePermissions(seen: readonly BusSeen[]): Finding {
  const evidence = seen.flatMap((each) => {
    const { missing = [], excess = [], tried = 0, untried = false } = each.permissions ?? {};
    return [
      `${whose(each)}: ${tried} tried, ${missing.length} missing, ${excess.length} too many${untried ? '; publishing could not be tried on this server' : ''}`,
      ...missing.slice(0, 8).map((trial) => `${whose(each)} must, and may not: ${named(trial)}`),
      ...excess.slice(0, 8).map((trial) => `${whose(each)} must not, and may: ${named(trial)}`),
    ];
  });
  const lacking = seen.find(({ permissions }) => (permissions?.missing.length ?? 0) > 0);
  if (lacking)
    return fail(
      `${whose(lacking)} may not ${named(lacking.permissions!.missing[0]!)}, which it must: the server's permissions are not those of this code. Install infra/nats/permissions.conf and reload nats-server.`,
      evidence,
    );
  const unlimited = seen.find(({ permissions }) => (permissions?.excess.length ?? 0) > 0);
  if (unlimited?.app === undefined && unlimited)
    return warn(
      'The login of NATS_URL has no limits: one service that is broken into speaks for all. In production give each its own (infra/nats/permissions.conf).',
      evidence,
    );
  if (unlimited)
    return fail(
      `${whose(unlimited)} may ${named(unlimited.permissions!.excess[0]!)}, which it must not: install infra/nats/permissions.conf and reload nats-server.`,
      evidence,
    );
  const tried = seen.reduce((sum, { permissions }) => sum + (permissions?.tried ?? 0), 0);
  return ok(`Every service may do what it must, and nothing else (${tried} attempts).`, evidence);
}

const unseenOf = (seen: readonly BusSeen[]): Finding | undefined => {
  const blind = seen.find(({ unseen }) => unseen !== undefined);
  if (!blind) return undefined;
  const why = blind.unseen!;
  const remedy = /503|not enabled/i.test(why)
    ? 'JetStream is off: start nats-server with a jetstream block'
    : `it said: ${why}`;
  return fail(`${whose(blind)} cannot look at the streams of ${blind.server}; ${remedy}.`, [`${whose(blind)}: ${why}`]);
};

export function judgeStreams(seen: readonly BusSeen[], serving: boolean): Finding {
  const blind = unseenOf(seen);
  if (blind) return blind;
  const streams = seen.flatMap((each) => each.streams ?? []);
  if (streams.length === 0) return skipped('This login looks after no stream; the one of the orchestrator does.');
  const evidence = streams.map(
    ({ name, missing, other, messages, bytes }) =>
      `${name}: ${missing ? 'missing' : `${messages} messages, ${bytes} bytes`}${other.length > 0 ? `; other ${other.join(', ')}` : ''}`,
  );
  const missing = streams.filter((each) => each.missing).map(({ name }) => name);
  if (missing.length > 0 && !serving)
    return warn(`Not made yet: ${missing.join(', ')}. The services make their streams when they start.`, evidence);
  if (missing.length > 0)
    return fail(
      `Stream ${missing.join(', ')} is missing, and services run: somebody deleted it, or NATS lost its store. It is made again with the next message; nothing is lost but wake-ups, which the sweep replaces.`,
      evidence,
    );
  const changed = streams.find(({ other }) => other.length > 0);
  if (changed)
    return fail(
      `Stream ${changed.name} has another ${changed.other.join(', ')} than asked for: somebody changed it, or an older version made it. A restart of the orchestrator sets it right.`,
      evidence,
    );
  return ok(`All ${streams.length} streams are as they should be.`, evidence);
}

export function judgeConsumers(seen: readonly BusSeen[], serving: boolean): Finding {
  const blind = unseenOf(seen);
  if (blind) return notReached('check 36 failed.');
  const consumers = seen.flatMap((each) => each.consumers ?? []);
  if (consumers.length === 0) return skipped('This login owns no consumer.');
  const evidence = consumers.map(
    ({ stream, name, missing, other, ahead, pending, unacknowledged }) =>
      `${name} of ${stream}: ${missing ? 'missing' : `${pending} waiting, ${unacknowledged} under way`}${ahead ? '; stands ahead of its stream' : ''}${other.length > 0 ? `; other ${other.join(', ')}` : ''}`,
  );
  const missing = consumers.find((each) => each.missing);
  if (missing && !serving)
    return warn(
      `Not made yet: ${missing.name} of ${missing.stream}. ${missing.name} makes it when it starts.`,
      evidence,
    );
  if (missing)
    return fail(
      `Consumer ${missing.name} of ${missing.stream} is missing, and services run: ${missing.name} makes it again within 5 s, or says in its log why not.`,
      evidence,
    );
  const ahead = consumers.find((each) => each.ahead);
  if (ahead)
    return fail(
      `Consumer ${ahead.name} stands ahead of ${ahead.stream}, so it is given nothing: NATS lost the end of its store. ${ahead.name} makes it anew within 5 s; if it does not, restart it.`,
      evidence,
    );
  const changed = consumers.find(({ other }) => other.length > 0);
  if (changed)
    return fail(
      `Consumer ${changed.name} of ${changed.stream} has another ${changed.other.join(', ')} than asked for; a restart of ${changed.name} sets it right.`,
      evidence,
    );
  return ok(`All ${consumers.length} consumers are as they should be.`, evidence);
}

/** The share of a bucket's limit from which on the doctor warns. */
const NEARLY_FULL = 0.9;

export function judgeBuckets(seen: readonly BusSeen[]): Finding {
  if (unseenOf(seen)) return notReached('check 36 failed.');
  const buckets = seen.flatMap((each) => each.buckets ?? []);
  if (buckets.length === 0) return skipped('This login has no key-value bucket; the one of the xmpp-bridge does.');
  const evidence = buckets.map(
    ({ name, missing, other, entries, bytes, maxBytes }) =>
      `${name}: ${missing ? 'not made yet' : `${entries} entries, ${bytes} of ${maxBytes} bytes`}${other.length > 0 ? `; other ${other.join(', ')}` : ''}`,
  );
  const changed = buckets.find(({ other }) => other.length > 0);
  if (changed)
    return fail(
      `Bucket ${changed.name} has another ${changed.other.join(', ')} than the code relies on: somebody made or changed it. Stop the services that use it and delete its stream (KV_${changed.name}); it is made anew when it is needed, and what was in it is forgotten.`,
      evidence,
    );
  const full = buckets.find(({ bytes, maxBytes }) => bytes > maxBytes * NEARLY_FULL);
  if (full)
    return warn(
      `Bucket ${full.name} is nearly full (${full.bytes} of ${full.maxBytes} bytes): where it is, requests of peers with an Idempotency-Key are refused (503) until entries end.`,
      evidence,
    );
  const made = buckets.filter(({ missing }) => !missing).length;
  return ok(
    made === buckets.length
      ? `All ${made} key-value buckets are as they should be.`
      : `Of ${buckets.length} key-value buckets ${made} are made and as they should be; the others are made when they are needed.`,
    evidence,
  );
}
