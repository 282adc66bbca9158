import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from './metrics.ts';

export interface CheckResult {
  readonly ok: boolean;
  /** One sentence about the state. Public: no address, no credential. */
  readonly detail?: string;
  /** True: it is being found out; ask again. */
  readonly pending?: boolean;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, CheckResult & { required: boolean }>>;
}

const CHECK_LIMIT_MS = 3_000;

/** The checks of a service's dependencies. A check that throws or takes too long has failed. */
export class HealthChecks {
  readonly #checks = new Map<string, { check: () => Promise<CheckResult>; required: boolean }>();
  #starting = false;
  #draining = false;

  register(name: string, check: () => Promise<CheckResult>, options: { required: boolean } = { required: true }): void {
    this.#checks.set(name, { check, required: options.required });
  }

  /** Until started() the service says that it is not ready: what answers requests is not there yet. */
  starting(): void {
    this.#starting = true;
  }

  started(): void {
    this.#starting = false;
  }

  /** From now on the service says that it is not ready, so that no new work is sent to it. */
  drain(): void {
    this.#draining = true;
  }

  async evaluate(): Promise<Readiness> {
    const entries = await Promise.all(
      [...this.#checks].map(
        async ([name, { check, required }]) => [name, { ...(await settle(check)), required }] as const,
      ),
    );
    const checks = Object.fromEntries(entries);
    if (this.#starting) checks['start'] = { ok: false, detail: 'The service is still starting.', required: true };
    if (this.#draining) checks['drain'] = { ok: false, detail: 'The service is shutting down.', required: true };
    return { ready: Object.values(checks).every((result) => result.ok || !result.required), checks };
  }

  /** The metrics as text, with the readiness of this moment among them. */
  async exposition(metrics: Metrics): Promise<string> {
    const ready = metrics.gauge('service_ready', 'Whether the service is ready for work: 1, else 0');
    const check = metrics.gauge('readiness_check_ok', 'Whether a check of the readiness holds: 1, else 0', [
      'check',
      'required',
    ]);
    const now = await this.evaluate();
    ready.set(Number(now.ready));
    for (const [name, { ok, required }] of Object.entries(now.checks))
      check.set({ check: name, required: String(required) }, Number(ok));
    return metrics.text();
  }
}

async function settle(check: () => Promise<CheckResult>): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(
      () => resolve({ ok: false, detail: `No answer within ${CHECK_LIMIT_MS / 1_000} s.` }),
      CHECK_LIMIT_MS,
    );
  });
  try {
    return await Promise.race([check(), limit]);
  } catch {
    return { ok: false, detail: 'The check failed; the log says why.' };
  } finally {
    clearTimeout(timer);
  }
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export interface OpsServer {
  readonly port: number;
  stop(): Promise<void>;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** True where no token is asked for, or this `Authorization` header carries it. Takes the same time for every header. */
export function mayReadMetrics(authorization: string | undefined, token: string | undefined): boolean {
  return token === undefined || timingSafeEqual(digest(authorization ?? ''), digest(`Bearer ${token}`));
}

/**
 * The small HTTP server for operations of a service: GET /health, /readiness, /metrics and the paths in `more`. With a token,
 * metrics and `more` are for those who bring it; health and readiness name no address, user or tenant and stay open to probes.
 */
export async function startOpsServer(options: {
  port: number;
  /** Default: loopback. */
  host?: string;
  token?: string | undefined;
  health: HealthChecks;
  metrics: Metrics;
  /** Further paths, and what each answers as JSON. */
  more?: Readonly<Record<string, () => unknown>>;
}): Promise<OpsServer> {
  const { health, metrics, token } = options;
  const more = new Map(Object.entries(options.more ?? {}));
  const paths = ['/health', '/readiness', '/metrics', ...more.keys()].join(', ');
  const answer = async (path: string, authorization?: string): Promise<Answer> => {
    const json = (status: number, value: unknown) => ({
      status,
      type: 'application/json',
      body: `${JSON.stringify(value)}\n`,
    });
    const guarded = path === '/metrics' || more.has(path);
    if (guarded && !mayReadMetrics(authorization, token))
      return json(401, { detail: 'Send the token of OPS_TOKEN as a bearer token.' });
    switch (path) {
      case '/health':
        return json(200, { status: 'ok' });
      case '/readiness': {
        const readiness = await health.evaluate();
        return json(readiness.ready ? 200 : 503, {
          status: readiness.ready ? 'ready' : 'not_ready',
          checks: readiness.checks,
        });
      }
      case '/metrics':
        return { status: 200, type: metrics.contentType, body: await health.exposition(metrics) };
      default: {
        const own = more.get(path);
        return own === undefined ? json(404, { detail: `Here are ${paths}.` }) : json(200, own());
      }
    }
  };
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    const asked = request.method === 'GET' || request.method === 'HEAD';
    answer(asked ? ((request.url ?? '/').split('?')[0] ?? '/') : '', request.headers.authorization)
      .catch(() => ({ status: 500, type: 'application/json', body: '{"detail":"failed"}\n' }))
      .then(({ status, type, body }) => {
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
        response.end(body);
      })
      .catch(() => response.destroy());
  });
  server.maxConnections = 100;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host ?? '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
