import type { Tool as McpTool } from '@modelcontextprotocol/client';
import type { Principal, UpstreamAuthorisation, UpstreamConfinement, UpstreamStatus } from '@switchyard/contracts';
import type { UpstreamConfig } from '../connections/config.ts';
import { type Health, WELL } from './health.ts';

/** The state of one upstream. A changed configuration makes a new entry. */
export interface UpstreamEntry {
  readonly config: UpstreamConfig;
  /** The configuration as text, to be compared. */
  readonly text: string;
  /** The tools that it last listed, and the usable ones among them. */
  seen: readonly McpTool[] | undefined;
  active: readonly McpTool[];
  quarantined: number;
  health: Health;
  era: 'modern' | 'legacy' | undefined;
  refreshedAt: number | undefined;
  /** The isolation of its process at the last query. */
  confinement: UpstreamConfinement | undefined;
  /** The user on whose behalf it is queried, if it distinguishes users. */
  as: Principal | undefined;
  /** The timers of the next query: the periodic one, and one after a notification. */
  timer: NodeJS.Timeout | undefined;
  heard: NodeJS.Timeout | undefined;
  askedAt: number;
  /** Runs its queries in sequence. */
  work: Promise<void>;
  gone: boolean;
}

export function newEntry(config: UpstreamConfig, text: string): UpstreamEntry {
  return {
    config,
    text,
    seen: undefined,
    active: [],
    quarantined: 0,
    health: WELL,
    era: undefined,
    refreshedAt: undefined,
    confinement: undefined,
    as: undefined,
    timer: undefined,
    heard: undefined,
    askedAt: Number.NEGATIVE_INFINITY,
    work: Promise.resolve(),
    gone: false,
  };
}

/** Cancels further queries. */
export function silence({ timer, heard }: UpstreamEntry): void {
  for (const due of [timer, heard]) clearTimeout(due);
}

/** The public status. `said`: the last lines of its process. */
export function statusOf(
  { config, health, ...entry }: UpstreamEntry,
  authorisation: UpstreamAuthorisation | null,
  said: readonly string[] = [],
): UpstreamStatus {
  const never = entry.refreshedAt === undefined;
  const why = health.reason ?? health.waits ?? (never ? health.last : undefined);
  const state = why !== undefined ? 'unavailable' : never ? 'starting' : 'available';
  const reason = state === 'starting' ? 'It has not answered yet; it is asked for the first time.' : (why ?? null);
  return {
    name: config.name,
    provider: config.provider,
    transport: config.command === undefined ? 'http' : 'stdio',
    trust: config.trust,
    available: state === 'available',
    state,
    reason,
    said: state === 'available' ? [] : [...said],
    tools: entry.active.length,
    quarantined: entry.quarantined,
    era: entry.era ?? null,
    refreshedAt: entry.refreshedAt ?? null,
    authorisation,
    confinement: entry.confinement ?? null,
  };
}
