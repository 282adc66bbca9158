import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { z } from 'zod';
import { CloudEvent, fromCloudEvent, fromSystemCloudEvent, toCloudEvent, toSystemCloudEvent } from './cloud-events.ts';
import { APPS } from '../base/define.ts';
import { parseRunEvent, RUN_EVENTS } from './run-events.ts';
import { parseSystemEvent, SYSTEM_EVENTS } from './system-events.ts';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** Values that fit a schema, as far as the facts use zod. */
function valuesOf(schema: z.ZodType): fc.Arbitrary<unknown> {
  if (schema instanceof z.ZodObject)
    return fc.record(
      Object.fromEntries(
        Object.entries(schema.shape as Record<string, z.ZodType>).map(([key, field]) => [key, valuesOf(field)]),
      ),
    );
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  )
    return valuesOf(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodArray)
    return fc.array(valuesOf(schema.element as z.ZodType), { minLength: 2, maxLength: 2 });
  if (schema instanceof z.ZodUnion) return fc.oneof(...schema.options.map((option) => valuesOf(option as z.ZodType)));
  if (schema instanceof z.ZodEnum) return fc.constantFrom(...schema.options);
  if (schema instanceof z.ZodLiteral) return fc.constantFrom(...schema.values);
  if (schema instanceof z.ZodRecord)
    return fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.jsonValue({ maxDepth: 2 }));
  if (schema instanceof z.ZodBoolean) return fc.boolean();
  if (schema instanceof z.ZodNumber) return fc.integer({ min: 1, max: 1_000 });
  if (schema instanceof z.ZodString && schema.safeParse('grace:30').success && !schema.safeParse('a').success)
    return fc.constantFrom('continue', 'cancel', 'grace:30');
  if (schema instanceof z.ZodString && schema.safeParse(TRACE).success && !schema.safeParse('a').success)
    return fc.constant(TRACE);
  if (schema instanceof z.ZodString)
    return schema.safeParse('ü .').success
      ? fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      : fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
  return fc.jsonValue({ maxDepth: 2 });
}

const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
/** The years of a database's clock that ISO 8601 writes with four digits. */
const ts = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) });
const place = {
  runId: id,
  tenantId: id,
  seq: fc.integer({ min: 1, max: 2 ** 31 }),
  epoch: fc.nat(),
  stepId: fc.option(id),
  ts,
};
const overTheWire = (document: unknown): unknown => JSON.parse(JSON.stringify(document));

describe('a fact of a run as a CloudEvents document', () => {
  it.each(RUN_EVENTS.map((contract) => [contract.type, contract.data] as const))(
    '%s comes back as it was',
    (type, data) => {
      fc.assert(
        fc.property(fc.record({ ...place, data: valuesOf(data) }), (given) => {
          const event = parseRunEvent(overTheWire({ ...given, type }));
          if (!event) throw new Error(`the generator does not fit ${type}`);
          const document = overTheWire(toCloudEvent(event));
          expect(fromCloudEvent(document)).toEqual(event);
          expect(document).toMatchObject({
            specversion: '1.0',
            type,
            id: `${event.runId}:${event.seq}`,
            tenantid: event.tenantId,
          });
        }),
        { numRuns: 30 },
      );
    },
  );

  it('is undefined for anything else, and never throws', () => {
    fc.assert(fc.property(fc.anything(), (value) => expect(fromCloudEvent(value)).toBeUndefined()));
    const event = parseRunEvent({
      runId: 'r',
      tenantId: 't',
      seq: 1,
      epoch: 0,
      stepId: null,
      ts: 0,
      type: 'orchestrator.cancel.requested',
      data: { by: 'u', reason: 'x' },
    });
    const document = toCloudEvent(event!);
    for (const wrong of [
      { specversion: '0.3' },
      { time: 'yesterday' },
      { runid: 'a.b' },
      { seq: 0 },
      { type: 'of.a.later.version' },
      { data: {} },
    ])
      expect(fromCloudEvent({ ...document, ...wrong })).toBeUndefined();
    expect(fromCloudEvent({ ...document, traceparent: 'an extension' })).toEqual(event);
  });
});

describe('a system fact as a CloudEvents document', () => {
  it.each(SYSTEM_EVENTS.map((contract) => [contract.type, contract.data] as const))(
    '%s comes back as it was',
    (type, data) => {
      const around = { app: fc.constantFrom(...APPS), instance: id, seq: place.seq, ts };
      fc.assert(
        fc.property(fc.record({ ...around, data: valuesOf(data) }), (given) => {
          const event = parseSystemEvent(overTheWire({ ...given, type }));
          if (!event) throw new Error(`the generator does not fit ${type}`);
          const document = overTheWire(toSystemCloudEvent(event));
          expect(fromSystemCloudEvent(document)).toEqual(event);
          expect(fromCloudEvent(document)).toBeUndefined();
          expect(CloudEvent.parse(document).id).toBe(`${event.instance}:${event.seq}`);
        }),
        { numRuns: 30 },
      );
    },
  );

  it('is undefined for anything else', () => {
    fc.assert(fc.property(fc.anything(), (value) => expect(fromSystemCloudEvent(value)).toBeUndefined()));
  });
});
