import { AppError, type Finding, found } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import type { SafeFetch } from '@switchyard/safe-fetch';
import { type Fault, faultOf, StderrTail } from './upstreams/connections/index.ts';
import { loadMcpSdk } from './common/index.ts';
import { challengedIn } from './oauth/index.ts';
import type { ReadVariable, UpstreamConfig } from './upstreams/connections/config.ts';

/*
 * Checks one MCP upstream: a probe that asks it as the service would, and never throws, and a judge that says one
 * sentence. The probe starts the process of an upstream and ends it afterwards.
 */

export interface UpstreamSeen {
  readonly era?: string | undefined;
  readonly tools?: number;
  /** It requires a token, of each user or of ours; without one the probe sees nothing else. */
  readonly wantsToken?: boolean;
  readonly fault?: Fault;
  /** Our own sentence. */
  readonly why?: string;
  /** The last lines of its process. */
  readonly said?: readonly string[];
  readonly missing?: string | null;
}

export interface ProbeParts {
  readonly fetch: SafeFetch;
  readonly read: ReadVariable;
  readonly log: Logger;
  readonly limitMs: number;
}

export async function probeUpstream(upstream: UpstreamConfig, parts: ProbeParts): Promise<UpstreamSeen> {
  const said =
    upstream.command === undefined ? undefined : new StderrTail(upstream.env.map((name) => parts.read(name)));
  const { fetch, read, log, limitMs } = parts;
  const limited = { ...upstream, connect_timeout_ms: Math.min(upstream.connect_timeout_ms, limitMs) };
  try {
    await loadMcpSdk();
    const { Link } = await import('./upstreams/connections/link.ts');
    const common = { fetch, read, log, said };
    const link = await Link.connect(limited, common).catch((error: unknown) => {
      const isOlder = upstream.command !== undefined && upstream.protocol === 'auto' && faultOf(error) !== 'away';
      if (!isOlder) throw error;
      return Link.connect(limited, { ...common, prior: { kind: 'legacy' } });
    });
    try {
      const tools = await link.listTools({ timeoutMs: limitMs, maxTimeoutMs: limitMs });
      return { era: link.era, tools: tools.length, missing: link.confinement?.missing ?? null };
    } finally {
      await link.retire();
    }
  } catch (error) {
    const fault = faultOf(error);
    if (fault === 'unauthorised' && !(error instanceof AppError && error.code === 'credentials_missing'))
      return { wantsToken: true, fault };
    const challenged = challengedIn(error) !== undefined;
    const why = error instanceof AppError && error.code !== 'internal' ? error.message : undefined;
    return { fault, wantsToken: challenged, ...(why === undefined ? {} : { why }), said: said?.lines ?? [] };
  }
}

const ERAS: Readonly<Record<string, string>> = { modern: 'MCP of today', legacy: 'MCP before 2026-07-28' };
const FAULTS: Readonly<Record<Fault, string>> = {
  refused: 'it does not list its tools; is this the address of an MCP server?',
  unauthorised: 'it wants other credentials',
  session: 'it knows no such address (404); look at `url`',
  away: 'it could not be reached; is it running, and is its name right?',
  broken: 'it did not give a usable answer',
  caller: 'it was not waited for',
};

/** `waiting`: definitions of its tools that wait for a person; undefined: the database was not asked. */
export function judgeUpstream(upstream: UpstreamConfig, seen: UpstreamSeen, waiting: number | undefined): Finding {
  const { name, auth, oauth } = upstream;
  const evidence = [
    upstream.command === undefined ? `over HTTP: ${new URL(upstream.url!).origin}` : `a process: ${upstream.command}`,
    ...(seen.said ?? []).map((line) => `it wrote: ${line}`),
    ...(waiting === undefined ? ['quarantine: not asked, there is no database'] : [`quarantine: ${waiting} waiting`]),
  ];
  const ofUser = auth === 'user' || oauth !== undefined;
  if (seen.wantsToken === true)
    return ofUser
      ? found.ok(`${name} answers, and asks for a token, as its settings say.`, evidence)
      : found.fail(`${name} wants a login: set auth: oauth, or its headers, in MCP_UPSTREAMS.`, evidence);
  if (seen.tools === undefined) return found.fail(sentenceOf(name, seen), evidence);
  const era = ERAS[seen.era ?? ''] ?? 'an unknown revision of MCP';
  const what = `${name} answers with ${seen.tools} tools over ${era}`;
  if (ofUser) return found.warn(`${what}, without a token: its settings say that it wants one.`, evidence);
  if ((waiting ?? 0) > 0)
    return found.warn(`${what}; ${waiting} wait for a person: ./switchyard tools quarantine.`, evidence);
  if (seen.missing) return found.warn(`${what}, without the sandbox that is wanted: ${seen.missing}`, evidence);
  return found.ok(`${what}.`, evidence);
}

function sentenceOf(name: string, { why, fault = 'broken' }: UpstreamSeen): string {
  const text = `${name}: ${why ?? FAULTS[fault]}`;
  return /[.?]$/.test(text) ? text : `${text}.`;
}
