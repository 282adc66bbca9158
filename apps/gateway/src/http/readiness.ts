import type { Bus } from '@switchyard/bus';
import { getRun, toPublicError, xmppStatus } from '@switchyard/contracts';
import type { CheckResult, Clock, HealthChecks } from '@switchyard/platform';
import type { RateLimit } from './rate-limit.ts';

const PROBE_MS = 2_000;
const KEEP_MS = 3_000;
/** A bad result is checked again sooner. */
const KEEP_BAD_MS = 500;
const NOBODY = { tenantId: 'probe', userId: 'probe', role: 'user', via: 'anonymous' } as const;

export interface ReadinessOptions {
  readonly bus: Pick<Bus, 'request' | 'status'>;
  readonly rateLimit: RateLimit;
  /** The state of the AZTM login; undefined if it is not required. */
  readonly login: (() => Promise<CheckResult>) | undefined;
  readonly clock: Clock;
}

/** Registers the checks of what the gateway needs to serve requests. Each answer is cached for a few seconds. */
export function registerReadiness(health: HealthChecks, { bus, rateLimit, login, clock }: ReadinessOptions): void {
  health.register('bus', () =>
    Promise.resolve(bus.status().connected ? { ok: true } : { ok: false, detail: 'NATS is not connected.' }),
  );
  health.register(
    'orchestrator',
    kept(clock, () => orchestratorAnswers(bus)),
  );
  if (rateLimit.shared() !== undefined) {
    const detail = 'Redis does not answer; each replica counts requests alone.';
    health.register(
      'redis',
      () => Promise.resolve(rateLimit.shared() === true ? { ok: true } : { ok: false, detail }),
      { required: false },
    );
  }
  if (login) health.register('xmpp', login);
}

/** The state of the AZTM login, as the bridge reports it; cached for a moment. */
export function aztmLogin(bus: Pick<Bus, 'request'>, clock: Clock): () => Promise<CheckResult> {
  return kept(clock, () => loggedIn(bus));
}

/** "No such run" is a good answer: the orchestrator looked it up. */
async function orchestratorAnswers(bus: Pick<Bus, 'request'>): Promise<CheckResult> {
  try {
    await bus.request(getRun, { principal: NOBODY, runId: 'probe' }, { timeoutMs: PROBE_MS });
    return { ok: true };
  } catch (error) {
    const { code } = toPublicError(error);
    if (code === 'not_found') return { ok: true };
    if (code === 'no_responders') return { ok: false, detail: 'No orchestrator is running.' };
    return { ok: false, detail: `The orchestrator does not answer (${code}).` };
  }
}

async function loggedIn(bus: Pick<Bus, 'request'>): Promise<CheckResult> {
  try {
    const { state, sentence } = await bus.request(xmppStatus, {}, { timeoutMs: PROBE_MS });
    return { ok: state === 'online', detail: sentence };
  } catch (error) {
    return {
      ok: false,
      detail: `The AZTM login is required, and the xmpp bridge does not answer (${toPublicError(error).code}).`,
    };
  }
}

/** Runs the check at most once in KEEP_MS (KEEP_BAD_MS), however many callers ask. */
function kept(clock: Clock, check: () => Promise<CheckResult>): () => Promise<CheckResult> {
  let last: Promise<CheckResult> | undefined;
  let until = 0;
  return () => {
    if (last === undefined || clock.now() >= until) {
      until = Infinity;
      last = check();
      void last.then(({ ok }) => (until = clock.now() + (ok ? KEEP_MS : KEEP_BAD_MS)));
    }
    return last;
  };
}
