import { z } from 'zod';
import { formatCursor, Id } from '../base/ids.ts';
import { isRunEventType, parseRunEvent, type RunEvent } from './run-events.ts';
import { parseSystemEvent, type SystemEvent } from './system-events.ts';
import { safeParse } from '../base/safe-parse.ts';

/** A CloudEvents 1.0 document in JSON (structured mode), with our extension attributes for facts of a run. */
export const CloudEvent = z.looseObject({
  specversion: z.literal('1.0'),
  id: z.string().min(1).max(200),
  source: z.string().min(1).max(200),
  type: z.string().min(1).max(200),
  time: z.iso.datetime(),
  datacontenttype: z.literal('application/json'),
  data: z.unknown(),
  tenantid: Id.optional(),
  runid: Id.optional(),
  stepid: Id.optional(),
  seq: z.number().int().optional(),
  epoch: z.number().int().optional(),
  /** One run of one process, for facts outside a run; `seq` counts within it. */
  instance: z.string().max(64).optional(),
});
export type CloudEvent = z.infer<typeof CloudEvent>;

/** The document on `run.>`. Its id `<runId>:<seq>` is the message id on the bus and the cursor everywhere. */
export function toCloudEvent(event: RunEvent): CloudEvent {
  return {
    specversion: '1.0',
    id: formatCursor(event.runId, event.seq),
    source: '/switchyard/orchestrator',
    type: event.type,
    time: new Date(event.ts).toISOString(),
    datacontenttype: 'application/json',
    tenantid: event.tenantId,
    runid: event.runId,
    ...(event.stepId === null ? {} : { stepid: event.stepId }),
    seq: event.seq,
    epoch: event.epoch,
    data: event.data,
  };
}

/**
 * The run event in a CloudEvents document; undefined where it is none, or of a type this version does not know.
 * Every message that is followed passes here, so what `parseRunEvent` checks is not checked twice.
 */
export function fromCloudEvent(document: unknown): RunEvent | undefined {
  if (typeof document !== 'object' || document === null) return undefined;
  const { specversion, type, runid, tenantid, stepid, seq, epoch, time, data } = document as Partial<CloudEvent>;
  if (specversion !== '1.0' || typeof time !== 'string' || typeof type !== 'string' || !isRunEventType(type))
    return undefined;
  return parseRunEvent({
    runId: runid,
    tenantId: tenantid,
    stepId: stepid ?? null,
    seq,
    epoch,
    ts: Date.parse(time),
    type,
    data,
  });
}

const SYSTEM_SOURCE = '/switchyard/';

/** The document on `sys.>`. Its id is `<instance>:<seq>`, the message id on the bus. */
export function toSystemCloudEvent(event: SystemEvent): CloudEvent {
  return {
    specversion: '1.0',
    id: `${event.instance}:${event.seq}`,
    source: `${SYSTEM_SOURCE}${event.app}`,
    type: event.type,
    time: new Date(event.ts).toISOString(),
    datacontenttype: 'application/json',
    instance: event.instance,
    seq: event.seq,
    data: event.data,
  };
}

/** The system event in a CloudEvents document; undefined where it is none. */
export function fromSystemCloudEvent(document: unknown): SystemEvent | undefined {
  const parsed = safeParse(CloudEvent, document);
  if (!parsed.success || !parsed.data.source.startsWith(SYSTEM_SOURCE)) return undefined;
  const { source, instance, seq, time, type, data } = parsed.data;
  return parseSystemEvent({ app: source.slice(SYSTEM_SOURCE.length), instance, seq, ts: Date.parse(time), type, data });
}
