import { linkAbort } from '@switchyard/platform';
import type { BindingProbe } from './checks.ts';
import {
  type CertificateSeen,
  type ChannelBinding,
  CHECK_OF_STEP,
  type CheckNumber,
  checkOf,
  login,
  LoginError,
  type LoginFailure,
  type LoginOptions,
  type LoginTap,
  type OpenStream,
  type Secured,
  Transcript,
} from '../login/index.ts';

/*
 * Logs in as the bridge does, and examines a failure more closely. Each try has its own connection.
 *
 * - A step may stay without progress for stepMs, whatever the value of AZTM_XMPP_TIMEOUT.
 * - If TLS runs without a certificate check, the doctor tries no login and only reads the certificate.
 * - A connection with an unchecked certificate ends before the doctor names the account.
 */

const CONNECT_MS = 3_000;
const BINDING_TYPES: readonly ChannelBinding['type'][] = ['tls-exporter', 'tls-unique', 'tls-server-end-point'];

export interface LoginSeen {
  readonly transcript: Transcript;
  readonly failure: LoginFailure | null;
  readonly stream: OpenStream | null;
  readonly certificate: CertificateSeen | null;
  readonly fingerprint: string;
  readonly bindings: readonly BindingProbe[];
  /** The duration of the steps that belong to a check. */
  readonly msOf: ReadonlyMap<CheckNumber, number>;
}

/** Rejects only when its signal aborts. */
export async function seeLogin(options: LoginOptions, stepMs: number, signal: AbortSignal): Promise<LoginSeen> {
  const transcript = new Transcript();
  const isTrusted = options.validateCertificate || options.fingerprint !== undefined || options.tls === 'off';
  // No login over TLS without a certificate check.
  const tried = await attempt(options, transcript, stepMs, signal, isTrusted ? undefined : 'secured');
  const { failure, stream, msOf } = tried;
  const seen = failure?.code.startsWith('CERT_') ? await look(options, stepMs, signal) : transcript.tls;
  const isPastPassword = failure === null || checkOf(failure) >= 14;
  const bindings = isTrusted && isPastPassword ? await tryBindings(options, transcript, stepMs, signal) : [];
  return {
    transcript,
    failure,
    stream,
    msOf,
    bindings,
    certificate: seen?.certificate ?? null,
    fingerprint: seen?.fingerprint ?? '',
  };
}

/** Reads the refused certificate; ends before the account is named to the server. */
async function look(options: LoginOptions, stepMs: number, signal: AbortSignal): Promise<Secured | null> {
  const transcript = new Transcript();
  const blind = { ...options, validateCertificate: false, fingerprint: undefined };
  await attempt(blind, transcript, stepMs, signal, 'secured');
  return transcript.tls;
}

/** The types of channel binding that the server computes correctly; none if it offers none. */
async function tryBindings(
  options: LoginOptions,
  { mechanisms, tls }: Transcript,
  stepMs: number,
  signal: AbortSignal,
): Promise<BindingProbe[]> {
  if (options.channelBinding === 'off' || !tls || !mechanisms.some((name) => name.endsWith('-PLUS'))) return [];
  const probes: BindingProbe[] = [];
  for (const type of BINDING_TYPES.filter((each) => tls.bindings.some((known) => known.type === each))) {
    const only = { ...options, onlyBinding: type };
    const { failure } = await attempt(only, new Transcript(), stepMs, signal, 'authenticated');
    // The password is known to be right, so a refusal here refuses the binding.
    const refused = failure?.code === 'CHANNEL_BINDING' || failure?.code === 'NOT_AUTHORIZED';
    const said = refused ? 'not-authorized, "Invalid channel binding"' : (failure?.sentence ?? 'accepted');
    probes.push({ type, outcome: failure === null ? 'accepted' : refused ? 'refused' : 'other', said });
  }
  return probes;
}

interface Tried {
  readonly failure: LoginFailure | null;
  readonly stream: OpenStream | null;
  readonly msOf: ReadonlyMap<CheckNumber, number>;
}

/** One login. `until`: ends it on purpose at this step, which is no failure. */
async function attempt(
  options: LoginOptions,
  transcript: Transcript,
  stepMs: number,
  signal: AbortSignal,
  until?: 'secured' | 'authenticated',
): Promise<Tried> {
  const own = new AbortController();
  const linked = linkAbort([signal, own.signal]);
  const msOf = new Map<CheckNumber, number>();
  let timer: NodeJS.Timeout | undefined;
  let arrived = false;
  let check: CheckNumber = 2;
  let began = performance.now();
  const leave = (): void => {
    clearTimeout(timer);
    msOf.set(check, (msOf.get(check) ?? 0) + performance.now() - began);
    began = performance.now();
  };
  const arrive = (): void => {
    arrived = true;
    own.abort();
  };
  const tap: LoginTap = {
    addressFailed: (address, code) => transcript.addressFailed(address, code),
    connected: (target, socket) => transcript.connected(target, socket),
    sent: (text) => transcript.sent(text),
    received: (text) => transcript.received(text),
    secured: (tls) => {
      transcript.secured(tls);
      if (until === 'secured') arrive();
    },
  };
  try {
    const stream = await login(
      options,
      linked.signal,
      (step) => {
        leave();
        check = CHECK_OF_STEP[step];
        timer = setTimeout(() => own.abort(), step === 'connecting' ? Math.min(CONNECT_MS, stepMs) : stepMs);
        if (until === 'authenticated' && step === 'opening the authenticated stream') arrive();
      },
      tap,
    );
    return { failure: null, stream, msOf };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LoginError)) throw error;
    return { failure: arrived ? null : error.failure, stream: null, msOf };
  } finally {
    leave();
    linked.release();
  }
}
