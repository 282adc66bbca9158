import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { rootCertificates } from 'node:tls';
import type { DoctorCheck } from '@switchyard/contracts';
import { linkAbort, type ParsedConfig } from '@switchyard/platform';
import type { BridgeConfig } from '../config.ts';
import {
  type CheckNumber,
  checkOf,
  type Dns,
  findTargets,
  type LoginOptions,
  type Lookup,
  XMPP_CHECKS,
} from '../login/index.ts';
import { judgeLogin, skipped, type Verdict } from './checks.ts';
import * as judge from './judges.ts';
import { type LoginSeen, seeLogin } from './login.ts';
import { DoctorSession } from './session.ts';
import { INBOUND_RESOURCE } from '../peers/index.ts';

/*
 * Runs the 24 checks in order and stops at the first that fails.
 *
 * - The doctor reports every check exactly once, in the order of the numbers. It reports a check that it did not reach
 *   as skipped.
 * - The doctor needs only the configuration of the bridge and the XMPP server. Neither the bridge nor NATS has to run,
 *   and the doctor does not disturb a running bridge.
 */

export interface DoctorOptions {
  /** `peers`: after the login, only the check of the peers. */
  readonly only?: 'xmpp' | 'peers' | undefined;
  /** How long one step may stay without progress. */
  readonly stepMs: number;
  readonly signal: AbortSignal;
  readonly onCheck: (check: DoctorCheck) => void;
  /** Names of variables that are set but unknown. */
  readonly unknown?: readonly string[];
  readonly dns?: Dns;
  readonly addresses?: (host: string) => Promise<readonly { address: string; family: number }[]>;
}

export type Outcome = 'ok' | 'finding' | 'config';

/** The presence priority of the inbound leader's session. */
const SERVING_PRIORITY = 10;

class Stopped extends Error {}

export async function diagnose(parsed: ParsedConfig<BridgeConfig>, options: DoctorOptions): Promise<Outcome> {
  const walk = new Walk(options);
  try {
    if (!parsed.ok) walk.tell(1, judge.judgeConfiguration(parsed.problems, undefined, options.unknown));
    else await examine(parsed.value, options, walk);
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
  } finally {
    walk.finish();
  }
  return walk.failed === null ? 'ok' : walk.failed === 1 ? 'config' : 'finding';
}

/** Reports every check once, in the order of the numbers, and checks that were not reached as skipped. */
class Walk {
  failed: CheckNumber | null = null;
  #next = 1;
  #began = performance.now();
  #why = 'Not asked for: the AZTM login is disabled.';

  readonly #options: DoctorOptions;

  constructor(options: DoctorOptions) {
    this.#options = options;
  }

  /** Reports a check; throws Stopped if it failed. */
  tell(number: CheckNumber, verdict: Verdict, ms?: number): void {
    while (this.#next < number) this.#emit(this.#next, skipped('Not asked for.'), 0);
    this.#emit(number, verdict, ms ?? performance.now() - this.#began);
    this.#began = performance.now();
    if (verdict.status !== 'fail') return;
    this.failed = number;
    this.#why = `Not reached: check ${number} failed.`;
    throw new Stopped();
  }

  finish(): void {
    while (this.#next <= XMPP_CHECKS.length) this.#emit(this.#next, skipped(this.#why), 0);
  }

  done(): void {
    this.#why = 'Not asked for.';
  }

  #emit(number: number, { status, sentence, evidence }: Verdict, ms: number): void {
    this.#next = number + 1;
    const name = XMPP_CHECKS[number - 1]![1];
    this.#options.onCheck({
      number,
      group: number === 22 ? 'peers' : 'xmpp',
      name,
      status,
      sentence: sentence.slice(0, 1_000),
      evidence: evidence.slice(0, 64).map((line) => line.slice(0, 2_200)),
      ms: Math.round(ms * 10) / 10,
    });
  }
}

async function examine(config: BridgeConfig, options: DoctorOptions, walk: Walk): Promise<void> {
  const account = config.login;
  walk.tell(1, judge.judgeConfiguration([], account?.jid, options.unknown));
  if (!account) return;
  const login = loginOptions(account);
  const began = performance.now();
  const found = await servers(login, options);
  const { domain, host } = login;
  const dns = judge.judgeDns({ domain, host, found, addresses: await alive(found, options) });
  if ('none' in found) return walk.tell(2, dns);
  const dnsMs = performance.now() - began;

  const mapped = [...config.serviceMap.values()];
  const byMessage = config.serviceMap.aztm ?? new Set();
  const seen = await seeLogin(login, options.stepMs, options.signal);
  // The login itself finds a server name without an address.
  if (seen.failure === null || checkOf(seen.failure) !== 2) walk.tell(2, dns, dnsMs);
  const doctor = seen.stream && new DoctorSession(seen.stream, mapped, byMessage, options.stepMs, options.signal);
  try {
    // One answer of the server shows that the stream outlives the login.
    await doctor?.session.ping(options.stepMs).catch(() => undefined);
    const target = seen.transcript.target ?? found.targets[0]!;
    tellLogin(walk, options.stepMs, login, seen, { target, ended: doctor?.ended ?? null });
    if (doctor) await examineSession(config, options, walk, login, doctor);
  } finally {
    doctor?.close();
  }
}

function tellLogin(
  walk: Walk,
  stepMs: number,
  login: LoginOptions,
  seen: LoginSeen,
  more: { target: Parameters<typeof judgeLogin>[0]['target']; ended: DoctorSession['ended'] },
): void {
  const verdicts = judgeLogin({
    ...seen,
    ...more,
    domain: login.domain,
    account: login.jid,
    stepMs,
    validated: login.validateCertificate,
    pinned: login.fingerprint !== undefined,
    binding: login.channelBinding,
    mechanism: seen.stream?.mechanism ?? null,
    jid: seen.stream?.jid ?? null,
    now: Date.now(),
  });
  for (const [number, verdict] of verdicts) walk.tell(number, verdict, seen.msOf.get(number) ?? 0);
}

async function examineSession(
  config: BridgeConfig,
  options: DoctorOptions,
  walk: Walk,
  login: LoginOptions,
  doctor: DoctorSession,
): Promise<void> {
  if (options.only !== 'peers') {
    walk.tell(18, judge.judgePresence(await doctor.presence()));
    const { pings, lost } = await doctor.pings();
    walk.tell(19, judge.judgePing(pings, lost, options.stepMs));
    walk.tell(20, await limits(options, login));
    walk.tell(21, judge.judgeLatency(pings, await doctor.latency()));
  } else await doctor.presence();
  walk.tell(22, judge.judgePeers(await doctor.peers(), new Set(config.serviceMap.values()).size));
  walk.done();
  if (options.only === 'peers') return;
  const prefix = `${config.login!.resource}.`;
  const others = doctor.others((resource) => resource === INBOUND_RESOURCE || resource.startsWith(prefix));
  walk.tell(23, judge.judgeDuplicates(login.jid, others, config.serverMode ? SERVING_PRIORITY : 0));
  const { stored, announced, refused } = await doctor.offline();
  walk.tell(24, judge.judgeOffline(stored, announced, refused));
}

/** Runs on a session that may be lost by the test. */
async function limits(options: DoctorOptions, login: LoginOptions): Promise<Verdict> {
  const { stream, transcript, failure } = await seeLogin(
    {
      ...login,
      resource: ownResource(login.resource),
      channelBinding: login.channelBinding === 'require' ? 'require' : 'off',
    },
    options.stepMs,
    options.signal,
  );
  if (!stream) return skipped(`A second session was refused: ${failure?.sentence ?? 'no reason given'}`);
  const session = new DoctorSession(stream, [], new Set(), options.stepMs, options.signal);
  try {
    const facts = await session.limits();
    const raw = transcript.lines(2).filter((line) => line.includes('<stream:error'));
    return judge.judgeLimits({ ...facts, raw });
  } finally {
    session.close();
  }
}

async function servers(login: LoginOptions, { dns, stepMs, signal }: DoctorOptions): Promise<Lookup> {
  const limited = linkAbort([signal], stepMs);
  try {
    return await new Promise<Lookup>((resolve, reject) => {
      const onAbort = (): void =>
        resolve({
          none: `DNS gave no answer in ${stepMs / 1_000} s; set AZTM_HOST or mend the resolver of this machine.`,
        });
      limited.signal.addEventListener('abort', onAbort, { once: true });
      findTargets(login, dns).then(resolve, reject);
    });
  } finally {
    limited.release();
  }
}

/** Whether each address of the first server accepts a connection; tried only if it has IPv4 and IPv6 addresses. */
async function alive(found: Lookup, options: DoctorOptions): Promise<judge.DnsFacts['addresses']> {
  const target = 'none' in found ? undefined : found.targets[0];
  if (!target) return [];
  const resolve = options.addresses ?? ((host: string) => lookup(host, { all: true }));
  const known = await resolve(target.host).catch(() => []);
  if (new Set(known.map(({ family }) => family)).size < 2) return [];
  return Promise.all(
    known.slice(0, 8).map(async ({ address, family }) => ({
      address,
      family: family === 6 ? (6 as const) : (4 as const),
      alive: await takesConnection(address, target.port, Math.min(options.stepMs, 3_000)),
    })),
  );
}

function takesConnection(host: string, port: number, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end(false), limitMs);
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

function ownResource(prefix: string): string {
  return `${prefix.split('.')[0]}.doctor-${randomBytes(4).toString('hex')}`;
}

function loginOptions(account: NonNullable<BridgeConfig['login']>): LoginOptions {
  const { caFile, passwordFile: _file, ...rest } = account;
  const ca = caFile === undefined ? undefined : `${rootCertificates.join('\n')}\n${readFileSync(caFile, 'utf8')}`;
  return { ...rest, ca, resource: ownResource(account.resource) };
}
