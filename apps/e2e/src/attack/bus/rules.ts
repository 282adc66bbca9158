import { APPS, REQUESTS } from '@switchyard/contracts';
import type { Attempt } from './login.ts';

/*
 * Who may publish and subscribe to what on the bus, written a second time from the documented promises and not from the
 * code that generates the permissions. A permission that is too wide is found by the difference.
 */

/** Without credentials. */
export const NOBODY = 'nobody';
const STREAMS = ['RUNS', 'SYSTEM', 'COMMANDS', 'KV_leases', 'KV_requests'] as const;

interface Rule {
  readonly subject: string;
  /** The server has to refuse every other login. */
  readonly may: readonly string[];
}

const PUBLISHING: readonly Rule[] = [
  { subject: 'run.acme.attack.orchestrator.task.completed', may: ['orchestrator'] },
  { subject: 'live.acme.attack.delta', may: ['orchestrator'] },
  { subject: 'cmd.run.acme.attack', may: ['orchestrator'] },
  { subject: 'sys.gateway.auth.failed', may: ['gateway'] },
  { subject: 'sys.tools.catalog.changed', may: ['mcp-tool'] },
  { subject: 'sys.a2a.agent.seen', may: ['a2a'] },
  { subject: 'sys.xmpp.login.lost', may: ['xmpp-bridge'] },
  { subject: 'sys.orchestrator.operator.asked', may: ['orchestrator'] },
  { subject: 'sys.audit.operator.asked', may: ['audit'] },
  { subject: 'sys.forged.forged.fact', may: [] },
  ...STREAMS.flatMap((stream): Rule[] => [
    ...['DELETE', 'PURGE', 'MSG.DELETE', 'SNAPSHOT', 'RESTORE', 'PEER.REMOVE', 'LEADER.STEPDOWN'].map((verb) => ({
      subject: `$JS.API.STREAM.${verb}.${stream}`,
      may: [],
    })),
    { subject: `$JS.API.STREAM.UPDATE.${stream}`, may: stream.startsWith('KV_') ? [] : ['orchestrator'] },
    { subject: `$JS.API.STREAM.MSG.GET.${stream}`, may: stream.startsWith('KV_') ? ['xmpp-bridge'] : [] },
    { subject: `$JS.API.DIRECT.GET.${stream}`, may: [] },
    { subject: `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.attack`, may: [] },
    // Without a name in its subject, a message does not show its sender.
    { subject: `$JS.API.CONSUMER.CREATE.${stream}`, may: [] },
    { subject: `$JS.API.CONSUMER.DELETE.${stream}.attack`, may: [] },
  ]),
  { subject: '$JS.API.CONSUMER.CREATE.COMMANDS.attack', may: [] },
  // The server compares the end of the subject with the filter of the consumer.
  { subject: '$JS.API.CONSUMER.CREATE.RUNS.attack', may: ['watcher'] },
  { subject: '$JS.API.CONSUMER.CREATE.RUNS.attack.run.acme.attack.a.b.c', may: ['watcher'] },
  { subject: '$JS.API.CONSUMER.CREATE.SYSTEM.attack', may: ['watcher'] },
  { subject: '$JS.API.CONSUMER.MSG.NEXT.COMMANDS.orchestrator', may: ['orchestrator'] },
  { subject: '$JS.API.CONSUMER.MSG.NEXT.RUNS.audit', may: ['audit'] },
  { subject: '$JS.API.CONSUMER.MSG.NEXT.SYSTEM.audit', may: ['audit'] },
  { subject: '$JS.API.CONSUMER.DELETE.RUNS.audit', may: ['audit'] },
  { subject: '$JS.API.CONSUMER.DELETE.COMMANDS.orchestrator', may: ['orchestrator'] },
  { subject: '$JS.ACK.RUNS.audit.1.1.1.1.1', may: ['audit'] },
  { subject: '$JS.ACK.COMMANDS.orchestrator.1.1.1.1.1', may: ['orchestrator'] },
  { subject: '$KV.leases.xmpp-bridge.attack', may: ['xmpp-bridge'] },
  { subject: '$KV.requests.xmpp-bridge.attack', may: ['xmpp-bridge'] },
  ...['gateway', 'attack'].map((owner) => ({ subject: `$KV.leases.${owner}.attack`, may: [] })),
  { subject: '$JS.API.STREAM.CREATE.ATTACK', may: [] },
  { subject: '$JS.API.STREAM.LIST', may: [] },
  { subject: '$SYS.REQ.SERVER.PING', may: [] },
  { subject: '$SYS.REQ.USER.INFO', may: [] },
  { subject: 'attack.anything', may: [] },
  { subject: '_INBOX', may: [] },
  { subject: '_INBOX.attack', may: [] },
  ...REQUESTS.map(({ subject, askedBy }) => ({ subject: subject.replace('*', 'attack'), may: askedBy })),
  ...APPS.map((app) => ({
    subject: `ctl.${app}.abort`,
    may: REQUESTS.filter(({ answeredBy }) => answeredBy === app).flatMap(({ askedBy }) => askedBy),
  })),
  // An answer goes only to a login that may ask; no other login publishes into a private inbox.
  ...[...APPS, 'operator', 'watcher'].map((login) => ({
    subject: `_INBOX.${login}.attack.attack`,
    may: [
      // A service that watches whether its caller still listens asks under its own inbox.
      login,
      ...REQUESTS.filter(({ askedBy }) => (askedBy as readonly string[]).includes(login)).map((r) => r.answeredBy),
    ],
  })),
];

const WILDCARDS: readonly string[] = (
  '> * *.> *.* *.*.* *.*.*.* rpc.> rpc.*.* ctl.> $JS.> $JS.API.> $JS.ACK.> $KV.> $SYS.> ' +
  '_INBOX.> _INBOX.* _INBOX.*.> _INBOX.*.* _INBOX.*.*.* _INBOX.*.*.*.*'
).split(' ');

/** Wildcards that match subjects of which this login must hear nothing. */
function hearing(login: string): Attempt[] {
  const others = [...APPS, 'operator', 'watcher'].filter((other) => other !== login);
  const patterns = [
    ...WILDCARDS,
    ...others.flatMap((other) => [`_INBOX.${other}.>`, `_INBOX.${other}.*`, `_INBOX.${other}.*.*`]),
    ...(login === 'orchestrator' ? [] : ['cmd.>', 'cmd.run.>', 'cmd.run.acme.*']),
    ...(['gateway', 'a2a', 'operator', 'watcher'].includes(login) ? [] : ['run.>', 'run.acme.>']),
    ...(['gateway', 'operator', 'watcher'].includes(login) ? [] : ['live.>', 'live.acme.>']),
    ...(['gateway', 'mcp-tool', 'operator', 'watcher'].includes(login) ? [] : ['sys.>', 'sys.tools.>']),
    ...REQUESTS.map(({ subject }) => subject),
  ];
  return [
    ...patterns.map((subject): Attempt => ({ verb: 'subscribe', subject })),
    ...REQUESTS.filter(({ answeredBy }) => answeredBy !== login).map(({ subject, answeredBy }): Attempt => ({
      verb: 'subscribe',
      subject,
      queue: answeredBy,
    })),
  ];
}

/** Every publication and subscription that the server has to refuse for this login. */
export function forbiddenTo(login: string): Attempt[] {
  return [
    ...PUBLISHING.filter(({ may }) => !may.includes(login)).map(({ subject }): Attempt => ({
      verb: 'publish',
      subject,
    })),
    ...hearing(login),
  ];
}
