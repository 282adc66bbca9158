import type { Tool as McpTool } from '@modelcontextprotocol/client';
import type { Principal, UpstreamAuthorisation, UpstreamConfinement, UpstreamStatus } from '@switchyard/contracts';
import type { UpstreamConfig } from '../connections/config.ts';
import { type Health, WELL } from './health.ts';

/** What is known of one upstream. It is another entry where its configuration is another. */
export interface UpstreamEntry {
  readonly config: UpstreamConfig;
  /** The configuration as text, to be compared. */
  readonly text: string;
  /** What it said last, and what of it may be used. */
  seen: readonly McpTool[] | undefined;
  active: readonly McpTool[];
  quarantined: number;
  health: Health;
  era: 'modern' | 'legacy' | undefined;
  refreshedAt: number | undefined;
  /** How far its process was kept apart when it was asked last. */
  confinement: UpstreamConfinement | undefined;
  /** For whom it is asked where it knows users. */
  as: Principal | undefined;
  /** When it is asked the next time: in its own time, and because something was heard of it. */
  timer: NodeJS.Timeout | undefined;
  heard: NodeJS.Timeout | undefined;
  askedAt: number;
  /** It is asked one time after the other. */
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

/** It is not asked again by itself. */
export function silence({ timer, heard }: UpstreamEntry): void {
  for (const due of [timer, heard]) clearTimeout(due);
}

/** As people see it. `said`: what its process wrote last. */
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
