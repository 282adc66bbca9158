import { fail, ok, skipped, type Verdict, warn } from './checks.ts';
import { type Lookup, quoted } from '../login/index.ts';

/* Checks 1, 2 and 18 to 24: facts in, a verdict out. Pure. */

export interface Problem {
  readonly variable: string;
  readonly value: string;
  readonly remedy: string;
}

/** Check 1. `problems`: all problems of the configuration; `unknown`: variables that are set but unknown. */
export function judgeConfiguration(
  problems: readonly Problem[],
  jid: string | undefined,
  unknown: readonly string[] = [],
): Verdict {
  const [first] = problems;
  const unread = unknown.slice(0, 32).map((name) => `${name} is not known and does nothing`);
  if (!first) {
    if (jid === undefined) return { ...skipped(DISABLED), evidence: unread };
    const names = unknown.slice(0, 4).join(', ');
    return unknown.length > 0
      ? warn(
          `The account of the login is ${jid}; not known, and of no effect: ${names}. Compare docs/reference/config.md.`,
          unread,
        )
      : ok(`The account of the login is ${jid}.`);
  }
  const told = sentenceOf(first);
  const sentence = problems.length > 1 ? `${told} (${problems.length} problems in all)` : told;
  const lines = problems.map(({ variable, value, remedy }) => `${variable}=${value}: ${remedy}`.slice(0, 2_000));
  return fail(sentence, [...lines, ...unread]);
}
const DISABLED =
  'Neither AZTM_USERID nor AZTM_JID is set: the bridge is disabled. Set one of them and AZTM_PASSWORD to enable it.';

/** Shown for a missing variable. */
const NOT_SET = '(not set)';

function sentenceOf({ variable, value, remedy }: Problem): string {
  if (variable === 'AZTM_JID' && /bare JID/.test(remedy))
    return `AZTM_JID ${quoted(value)} is not a bare JID user@domain.`;
  if (/SERVICE_MAP$/.test(variable) && /loop/.test(remedy)) return 'A host of SERVICE_MAP maps to your own JID (loop).';
  // The parser of the map says itself where it stopped, and that nothing was loaded.
  const said = remedy.replace(/\.$/, '');
  if (said.startsWith(variable)) return `${said}.`;
  return `${variable} is ${value === NOT_SET ? 'not set' : 'not valid'}: ${said}.`;
}

export interface DnsFacts {
  readonly domain: string;
  readonly host: string | undefined;
  readonly found: Lookup;
  /** Addresses of the first server, and whether each accepts a connection. */
  readonly addresses: readonly { readonly address: string; readonly family: 4 | 6; readonly alive: boolean }[];
}

/** Check 2 */
export function judgeDns({ domain, host, found, addresses }: DnsFacts): Verdict {
  if ('none' in found) return fail(found.none);
  const evidence = [
    ...found.targets.slice(0, 8).map((each) => `${each.host}:${each.port} (${each.mode})`),
    ...addresses.map(({ address, alive }) => `${address}: ${alive ? 'takes connections' : 'takes no connection'}`),
  ];
  const dead = addresses.find(({ family, alive }) => family === 6 && !alive);
  if (dead && addresses.some(({ family, alive }) => family === 4 && alive))
    return warn(
      `AAAA ${dead.address} is dead, IPv4 works: set AZTM_HOST to the IPv4 address or mend DNS (a failed first attempt also triggers double connects in old AZTM clients).`,
      evidence,
    );
  const how = host === undefined ? `DNS of ${domain}` : 'AZTM_HOST';
  return ok(`${how} names ${found.targets.length === 1 ? 'one server' : `${found.targets.length} servers`}.`, evidence);
}

export interface PresenceFacts {
  readonly refused: string | null;
  /** True if the server sent us our own presence. */
  readonly reflected: boolean;
  /** Undefined: the server gave no roster. */
  readonly roster: ReadonlyMap<string, string> | undefined;
  readonly mapped: readonly string[];
}

/** Check 18 */
export function judgePresence({ refused, reflected, roster, mapped }: PresenceFacts): Verdict {
  if (refused !== null)
    return fail(`The server refused presence (${quoted(refused)}): bare-JID messages will not arrive.`);
  if (!reflected) return warn('Session has no presence: bare-JID messages will not arrive.');
  if (!roster) return warn('The server gives no roster: which resources of peers are alive cannot be known.');
  const unseen = mapped.filter((jid) => !['to', 'both'].includes(roster.get(jid) ?? 'none'));
  const evidence = mapped.slice(0, 32).map((jid) => `${jid}: subscription ${roster.get(jid) ?? 'none'}`);
  if (unseen.length > 0)
    return warn(
      `Not subscribed to ${unseen.slice(0, 4).join(', ')}: cannot know which resource is alive. The bridge asks when it logs in; the peer has to allow it.`,
      evidence,
    );
  return ok('The session is present, and peers can be seen.', evidence);
}

const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
const middle = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** Check 19. `lost`: why there was no pong. */
export function judgePing(pings: readonly number[], lost: string | null, limitMs: number): Verdict {
  if (lost !== null) return fail(`No pong in ${limitMs / 1_000} s: the connection is half-open (${lost}).`);
  return ok(
    `The server answers in ${ms(middle(pings))} (p50 of ${pings.length}).`,
    pings.map((each, n) => `ping ${n + 1}: ${each.toFixed(1)} ms`),
  );
}

export interface LimitFacts {
  /** In the order of sending; `ms` null: it did not come back. */
  readonly sent: readonly { readonly bytes: number; readonly ms: number | null; readonly why: string }[];
  /** The largest stanza that the bridge sends. */
  readonly neededBytes: number;
  readonly raw: readonly string[];
}

/** Below this rate a body of the bridge takes seconds. */
export const SLOW_BYTES_PER_S = 50_000;

/** Check 20 */
export function judgeLimits({ sent, neededBytes, raw }: LimitFacts): Verdict {
  const evidence = [...sent.map((each) => `${each.bytes} bytes: ${each.ms === null ? each.why : ms(each.ms)}`), ...raw];
  const slow = sent.findLast((each) => each.bytes >= 64_000 && each.ms !== null);
  if (slow && slow.bytes / (slow.ms! / 1_000) < SLOW_BYTES_PER_S)
    return fail(
      `About ${Math.max(1, Math.round(slow.bytes / slow.ms!))} KB/s: rate limit (Prosody mod_limits / ejabberd shaper). Raise it, or exempt the account of the bridge.`,
      evidence,
    );
  const cut = sent.find((each) => each.ms === null);
  if (!cut) return ok(`Stanzas of ${Math.max(0, ...sent.map(({ bytes }) => bytes))} bytes pass.`, evidence);
  const passes = Math.max(0, ...sent.filter((each) => each.ms !== null).map(({ bytes }) => bytes));
  const told = `The server cuts at ${cut.bytes} bytes (${passes} pass)`;
  if (cut.bytes > neededBytes && passes >= 16_000)
    return warn(`${told}; the bridge sends larger bodies in pieces that pass.`, evidence);
  return fail(
    `${told}; raise c2s_stanza_size_limit (Prosody) or max_stanza_size (ejabberd) above ${neededBytes}.`,
    evidence,
  );
}

/** Check 21. Compares the fastest of each: a busy machine proves nothing. */
export function judgeLatency(pings: readonly number[], roundTrips: readonly number[]): Verdict {
  const [ping, trip] = [Math.min(...pings), Math.min(...roundTrips)];
  const evidence = [`fastest ping: ${ping.toFixed(1)} ms`, `fastest round trip of 1 KB: ${trip.toFixed(1)} ms`];
  if (trip >= 38 && trip >= 5 * ping)
    return warn(
      `1 KB takes ${ms(trip)} there and back on a link of ${ms(ping)}: delayed ACK/Nagle. Prosody: network_settings = { nagle = false }.`,
      evidence,
    );
  return ok(`1 KB takes ${ms(trip)} there and back.`, evidence);
}

export interface PeerFacts {
  readonly jid: string;
  readonly address: string;
  /** A condition of RFC 6120 §8.3.3, or `silent`; null: it answered. */
  readonly refused: string | null;
  /** The text of the refusal. */
  readonly said?: string | undefined;
  readonly wire: 'http' | 'slixmpp' | 'aztm' | null;
  /** The peer is at another domain than ours. */
  readonly isElsewhere?: boolean;
  /** The peer is called by message and shows its presence to nobody. */
  readonly isUnseen?: boolean;
}

/** Check 22. `mapped`: the number of mapped peers, if not all were asked. */
export function judgePeers(peers: readonly PeerFacts[], mapped = peers.length): Verdict {
  if (peers.length === 0) return skipped('SERVICE_MAP names no peer.');
  const evidence = peers.map((peer) => `${peer.jid}: ${peerLine(peer)}`);
  if (mapped > peers.length) evidence.unshift(`asked: the first ${peers.length} of ${mapped}`);
  const away = peers.find(({ refused }) => refused !== null);
  if (away) return fail(`${away.jid}: ${peerLine(away)}`, evidence);
  const unseen = peers.find(({ isUnseen }) => isUnseen);
  if (unseen) return warn(`${unseen.jid} ${wireSentence(unseen)}`, evidence);
  const other = peers.find(({ wire }) => wire !== 'http');
  if (other) return ok(`${other.jid} ${wireSentence(other)}`, evidence);
  if (mapped > peers.length) return ok(`The first ${peers.length} of ${mapped} peers answer.`, evidence);
  return ok(peers.length === 1 ? 'The peer answers.' : `All ${peers.length} peers answer.`, evidence);
}

function wireSentence({ wire, isUnseen }: PeerFacts): string {
  if (isUnseen)
    return 'is called by message (aztm: in SERVICE_MAP) and does not let us see its presence: whether it is there shows when it is called.';
  if (wire === 'slixmpp') return 'speaks the slixmpp dialect (request/response).';
  return wire === 'aztm' ? 'answers but without urn:xmpp:http: using aztm-v1.' : 'speaks urn:xmpp:http.';
}

function peerLine(peer: PeerFacts): string {
  switch (peer.refused) {
    case null:
      return wireSentence(peer);
    case 'service-unavailable':
    case 'recipient-unavailable':
      return `${peer.refused} — offline or unknown account (servers do not say which).`;
    case 'remote-server-not-found':
    case 'remote-server-timeout':
      return `${peer.refused} — the domain of the peer is unreachable over s2s.`;
    case 'silent':
      return peer.isElsewhere
        ? 'no answer; its server cannot reach ours to answer (s2s: DNS, firewall or certificate on that side; its log says which), or its session hangs.'
        : 'no answer; its session hangs, or its server keeps a dead one alive.';
    default: {
      const said = peer.said === undefined ? '' : `, ${quoted(peer.said)}`;
      return `refused with ${quoted(peer.refused)}${said}: the policy of the peer may not name this account, or a server does not let the two domains speak.`;
    }
  }
}

export interface OtherSession {
  readonly jid: string;
  readonly priority: number;
}

/** Check 23. `mine`: the priority of the inbound leader's session. */
export function judgeDuplicates(own: string, others: readonly OtherSession[], mine: number): Verdict {
  const rivals = others.filter(({ priority }) => priority >= mine);
  const evidence = others.slice(0, 32).map(({ jid, priority }) => `${quoted(jid)}: priority ${priority}`);
  if (rivals.length > 0)
    return fail(
      `${own} (own JID) has ${rivals.length} other session${rivals.length === 1 ? '' : 's'} online with priority ≥ ${mine}: they will also receive requests.`,
      evidence,
    );
  return ok('No other session takes what is meant for this account.', evidence);
}

/** Check 24. `stored`: the stored message that came back late; `announced`: the server announces that it stores. */
export function judgeOffline(stored: string | null, announced: boolean, refused: string | null): Verdict {
  if (stored !== null || announced)
    return warn(
      'The server stores messages for an offline peer: late execution is possible; the bridge rejects delayed requests.',
      stored === null ? ["disco#info of the server: <feature var='msgoffline'/>"] : [stored],
    );
  return ok(
    'The server does not store messages for an offline peer.',
    refused === null ? [] : [`a message to nobody: ${refused}`],
  );
}
