import type { DoctorCheck } from '@switchyard/contracts';
import {
  type BindingPolicy,
  type CertificateSeen,
  type ChannelBinding,
  type CheckNumber,
  checkOf,
  type LoginFailure,
  quoted,
  refusedElsewhere,
  type Target,
  type Transcript,
  XMPP_CHECKS,
} from '../login/index.ts';
import * as say from './sentences.ts';

/*
 * The checks of the AZTM login, 1 to 17: facts in, verdicts out. Pure. judges.ts has checks 18 to 24.
 *
 * - A failed login belongs to exactly one check, also in the running bridge (login/checks.ts).
 * - The doctor explains a failed login with the same sentence as the bridge.
 * - A check that was not reached is skipped and never passes.
 */

export interface Verdict {
  readonly status: DoctorCheck['status'];
  readonly sentence: string;
  readonly evidence: readonly string[];
}

/** The outcome of one try with one type of channel binding. */
export interface BindingProbe {
  readonly type: ChannelBinding['type'];
  readonly outcome: 'accepted' | 'refused' | 'other';
  readonly said: string;
}

export interface LoginFacts {
  readonly target: Target;
  readonly domain: string;
  readonly account: string;
  readonly failure: LoginFailure | null;
  /** How long one step may stay without progress. */
  readonly stepMs: number;
  readonly validated: boolean;
  readonly pinned: boolean;
  readonly binding: BindingPolicy;
  readonly transcript: Transcript;
  /** The certificate as seen, even if it was refused. */
  readonly certificate: CertificateSeen | null;
  readonly fingerprint: string;
  readonly bindings: readonly BindingProbe[];
  readonly mechanism: string | null;
  readonly jid: string | null;
  /** Why the stream ended right after the login; null: it still stands. */
  readonly ended: { readonly condition: string; readonly why: string } | null;
  readonly now: number;
}

const DAY_MS = 86_400_000;
const WARN_DAYS = 14;

export const ok = (sentence: string, evidence: readonly string[] = []): Verdict => ({
  status: 'ok',
  sentence,
  evidence,
});
export const warn = (sentence: string, evidence: readonly string[] = []): Verdict => ({
  status: 'warn',
  sentence,
  evidence,
});
export const fail = (sentence: string, evidence: readonly string[] = []): Verdict => ({
  status: 'fail',
  sentence,
  evidence,
});
export const skipped = (sentence: string): Verdict => ({ status: 'skipped', sentence, evidence: [] });

/**
 * Judges checks 3 to 17 in order, from one login and the tries beside it; starts at check 2 if the login failed there.
 * Checks after the first failure get no verdict, so the doctor reports them as skipped.
 */
export function judgeLogin(facts: LoginFacts): ReadonlyMap<CheckNumber, Verdict> {
  const failed = facts.failure ? checkOf(facts.failure) : null;
  const verdicts = new Map<CheckNumber, Verdict>();
  for (const [number] of XMPP_CHECKS) {
    if (number < (failed === 2 ? 2 : 3) || number > 17) continue;
    // The probes beside the login come first in their place, so that a successful login does not hide a finding.
    const own = JUDGES[number]?.(facts, failed) ?? null;
    const verdict =
      own?.status === 'fail' ? own : number === failed ? failure(facts, number) : (own ?? passed(facts, number));
    verdicts.set(number, verdict);
    if (verdict.status === 'fail') break;
  }
  return verdicts;
}

/** Checks whose verdict depends on more than whether the login passed them. */
const JUDGES: Readonly<Partial<Record<CheckNumber, (facts: LoginFacts, failed: number | null) => Verdict | null>>> = {
  10: ({ certificate, now }, failed) => {
    if (!certificate || failed === 10) return null;
    const days = Math.floor((certificate.validTo - now) / DAY_MS);
    return days < WARN_DAYS && days >= 0 ? warn(say.expiresSoon(certificate.validTo, days)) : null;
  },
  11: ({ target, validated, pinned }) => {
    if (target.mode === 'off') return warn(say.clearText());
    return validated || pinned ? null : fail(say.notValidated());
  },
  14: judgeBinding,
  17: ({ ended, transcript }) =>
    ended ? fail(say.streamError(ended.condition, ended.why), transcript.lines(4)) : null,
};

function judgeBinding(facts: LoginFacts, failed: number | null): Verdict | null {
  const { bindings, transcript, binding, fingerprint, target } = facts;
  if (target.mode === 'off') return skipped('There is no TLS to bind the login to.');
  const plus = transcript.mechanisms.filter((name) => name.endsWith('-PLUS'));
  const announced = transcript.bindingTypes;
  const evidence = [
    `mechanisms with channel binding: ${plus.join(', ') || 'none'}`,
    `binding types that the server announces: ${announced.join(', ') || 'it does not say'}`,
    ...bindings.map(({ type, outcome, said }) => `${type}: ${outcome === 'accepted' ? 'accepted' : said}`),
    `certificate SHA-256 seen here: ${fingerprint}`,
  ];
  if (failed === 14 && bindings.length === 0) return null;
  if (plus.length === 0) return skipped('The server offers no channel binding (SCRAM-*-PLUS).');
  if (bindings.length === 0) return skipped('Channel binding is off (AZTM_CHANNEL_BINDING).');
  const accepted = bindings.filter(({ outcome }) => outcome === 'accepted').map(({ type }) => type);
  const refused = bindings.filter(({ outcome }) => outcome === 'refused').map(({ type }) => type);
  const name = plus[0]!;
  if (refused.length === 0) return ok(say.bound(accepted), evidence);
  if (accepted.length === 0) {
    const causeB = say.bindingCauseB(name, refused, fingerprint);
    // A login that succeeds without it, or fails for another reason, is reported further on.
    return failed === 14 || binding === 'require' ? fail(causeB, evidence) : warn(causeB, evidence);
  }
  const sentence = say.bindingCauseA(name, refused, accepted, announced);
  // If binding is required and the server computes none of our types correctly, no login can succeed.
  return failed === 14 || (binding === 'require' && failed !== null)
    ? fail(sentence, evidence)
    : warn(sentence, evidence);
}

/** The verdict of a failed check, mostly with the sentence of the bridge. */
function failure(facts: LoginFacts, number: CheckNumber): Verdict {
  const { failure: failed, transcript, certificate, fingerprint, stepMs, target } = facts;
  const { code, step, sentence } = failed!;
  const unbound = facts.bindings.filter(({ outcome }) => outcome === 'refused');
  const isEndedOnTheWay = code === 'TLS_REOFFERED' && unbound.length > 0 && unbound.length === facts.bindings.length;
  const told =
    code === 'TIMEOUT'
      ? say.silent(step, stepMs / 1_000, transcript.answered, `${target.host}:${target.port}`) +
        (step === 'connecting' ? refusedElsewhere(transcript.failedAddresses) : '')
      : code === 'CERT_EXPIRED' && certificate
        ? say.expired(certificate.validTo, facts.now)
        : code === 'STREAM_ERROR' && number === 17
          ? say.streamError(conditionIn(transcript), sentence)
          : isEndedOnTheWay
            ? say.tlsEndedOnTheWay()
            : sentence;
  const seen =
    number === 15
      ? [
          ...transcript.outline,
          ...transcript.features,
          ...unbound.map(({ type, said }) => `${type}: ${said}`),
          ...singleConnection(transcript),
        ]
      : number >= 7 && number <= 10
        ? certificateLines(certificate, fingerprint)
        : number <= 3
          ? []
          : [...transcript.outline.slice(1, 1 + transcript.connections.length), ...transcript.lines(4)];
  return fail(told, [`code: ${code}, while ${step}`, ...seen]);
}

/** This client opens one connection per attempt, which tells the two causes of check 15 apart. */
function singleConnection({ connections }: Transcript): string[] {
  if (connections.length !== 1) return [];
  return [
    'This login used one TCP connection and one stream object, so cause 1 is excluded for it: something on the way, or the server itself, mixes connections.',
  ];
}

function certificateLines(certificate: CertificateSeen | null, fingerprint: string): string[] {
  if (!certificate) return [];
  return [
    `subject: ${quoted(certificate.subject)}`,
    `names: ${quoted(certificate.names)}`,
    `issuer: ${quoted(certificate.issuer)}`,
    `valid until: ${new Date(certificate.validTo).toISOString()}`,
    `SHA-256: ${fingerprint}`,
  ];
}

function conditionIn(transcript: Transcript): string {
  const last = transcript.lines(1)[0] ?? '';
  return /<stream:error[^>]*>\s*<([a-z-]+)/.exec(last)?.[1] ?? 'undefined-condition';
}

function passed(facts: LoginFacts, number: CheckNumber): Verdict {
  const { target, domain, transcript, certificate, fingerprint, mechanism, jid, account } = facts;
  const { tls, streams } = transcript;
  switch (number) {
    case 3:
      return ok(`Connected to ${target.host}:${target.port}.`, transcript.connections);
    case 4:
      return target.mode === 'direct' ? ok('The server speaks TLS at once.') : ok('The other side speaks XMPP.');
    case 5:
      return streams.length === 0
        ? skipped('No stream is opened before TLS here.')
        : ok(`The server opens a stream for ${domain}.`);
    case 6:
      return target.mode === 'starttls' ? ok('STARTTLS is offered.') : skipped(`AZTM_TLS is ${target.mode} here.`);
    case 7:
      if (target.mode === 'off') return skipped('There is no TLS (AZTM_TLS=off).');
      return ok(tls ? `${tls.version}.` : 'The server speaks TLS; the handshake was ended here for its certificate.');
    case 8:
      return target.mode === 'off'
        ? skipped('There is no certificate.')
        : ok(say.chainOk(facts.pinned, certificate), certificateLines(certificate, fingerprint));
    case 9:
      if (target.mode === 'off') return skipped('There is no certificate.');
      return tls ? ok(say.nameOk(facts.pinned, domain)) : skipped('The name was not compared.');
    case 10:
      return certificate
        ? ok(`The certificate is valid until ${say.day(certificate.validTo)}.`)
        : skipped('There is no certificate.');
    case 11:
      return ok('The certificate is checked.');
    case 12:
      return ok(`The server offers ${transcript.mechanisms.join(', ') || 'nothing that was seen'}.`);
    case 13:
      return ok(say.saslOk(account, mechanism));
    case 15:
      return ok('The authenticated stream offers resource binding.', transcript.outline);
    case 16:
      return ok(`Bound as ${jid ?? 'a resource'}.`);
    default:
      return ok('The stream stands.');
  }
}
