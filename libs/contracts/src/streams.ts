import { z } from 'zod';
import { idOrThrow, runIdOrThrow } from './base/ids.ts';
import type { RunEventType } from './events/run-events.ts';
import type { SystemEventType } from './events/system-events.ts';

/**
 * The JetStream streams, as data. All of it can be rebuilt from PostgreSQL, so the defaults are tuned for speed.
 * Only features of nats-server 2.9 are used; ages in ms, sizes in bytes.
 */
export interface StreamDefinition {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly summary: string;
  readonly retention: 'limits' | 'workqueue';
  readonly discard: 'old' | 'new';
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  readonly maxMessages: number;
  readonly duplicateWindowMs: number;
  /** Everything in it is committed elsewhere: where its settings cannot be changed it is made anew. */
  readonly rebuildable: boolean;
}

/** How much of a stream the server keeps. Whichever limit is reached first removes the oldest messages. */
export type StreamLimits = Pick<StreamDefinition, 'maxAgeMs' | 'maxBytes' | 'maxMessages'>;

const HOUR_MS = 3_600_000;

export const STREAMS = {
  RUNS: {
    name: 'RUNS',
    subjects: ['run.>'],
    summary: 'Facts of runs, already committed in the journal.',
    retention: 'limits',
    discard: 'old',
    maxAgeMs: 24 * HOUR_MS,
    maxBytes: 512 * 1024 ** 2,
    // Each run has a dozen subjects of its own, and nats-server keeps about 600 bytes of memory for each stored fact.
    maxMessages: 100_000,
    duplicateWindowMs: 120_000,
    rebuildable: true,
  },
  SYSTEM: {
    name: 'SYSTEM',
    subjects: ['sys.>'],
    summary: 'Facts outside a run.',
    retention: 'limits',
    discard: 'old',
    maxAgeMs: 7 * 24 * HOUR_MS,
    maxBytes: 1024 ** 3,
    maxMessages: 5_000_000,
    duplicateWindowMs: 120_000,
    rebuildable: false,
  },
  COMMANDS: {
    name: 'COMMANDS',
    subjects: ['cmd.>'],
    summary: 'Wake-ups: "look at this run". They carry nothing else.',
    retention: 'workqueue',
    discard: 'new',
    maxAgeMs: HOUR_MS,
    maxBytes: 256 * 1024 ** 2,
    maxMessages: 1_000_000,
    duplicateWindowMs: 1_000,
    rebuildable: true,
  },
} as const satisfies Record<string, StreamDefinition>;

export type StreamName = keyof typeof STREAMS;

/** The one place where subjects of messages are put together. Every id is checked. */
export const subjects = {
  runEvent: (tenantId: string, runId: string, type: RunEventType): string =>
    `run.${idOrThrow(tenantId, 'tenantId')}.${runIdOrThrow(runId)}.${type}`,
  /** Filter for every fact of one run. */
  runFilter: (tenantId: string, runId: string): string =>
    `run.${idOrThrow(tenantId, 'tenantId')}.${runIdOrThrow(runId)}.>`,
  liveDelta: (tenantId: string, runId: string): string =>
    `live.${idOrThrow(tenantId, 'tenantId')}.${runIdOrThrow(runId)}.delta`,
  wakeUp: (tenantId: string, runId: string): string =>
    `cmd.run.${idOrThrow(tenantId, 'tenantId')}.${runIdOrThrow(runId)}`,
  /** `sys.` + the type, whose first token is the producer: tools.access.denied is sys.tools.access.denied. */
  system: (type: SystemEventType): string => `sys.${type}`,
} as const;

/** A piece of text while the model speaks: core NATS only, never stored. The finished message is one event. */
export const LiveDelta = z.object({
  runId: z.string(),
  messageId: z.string(),
  /** Counts the pieces of one message from 0, so that a reader can tell a hole. */
  index: z.number().int().min(0),
  text: z.string(),
  /** The planning that is speaking: a delta is stale once its planning.completed was seen. */
  stepNumber: z.number().int(),
});
export type LiveDelta = z.infer<typeof LiveDelta>;
