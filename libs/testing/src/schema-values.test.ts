import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { fc } from './property.ts';
import { fitting, type Schema, spoiled } from './schema-values.ts';

const Message = z.object({
  id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  limit: z.number().int().min(1).max(100),
  role: z.enum(['user', 'admin']),
  tags: z.array(z.string().min(1)).min(1),
  note: z.string().nullable(),
  more: z.record(z.string(), z.number()).optional(),
});
const schema = z.toJSONSchema(Message) as Schema;

describe('values from a schema', () => {
  it('fit it', () => {
    fc.assert(
      fc.property(fitting(schema), (value) => {
        expect(Message.safeParse(value).error).toBeUndefined();
      }),
    );
  });

  it('follow references, and end where those go in circles', () => {
    const circle: Schema = { type: 'object', properties: { next: { $ref: '#/circle' } }, required: ['next'] };
    fc.assert(
      fc.property(
        fitting({ $ref: '#/circle' }, (ref) => (ref === '#/circle' ? circle : undefined)),
        (value) => JSON.stringify(value).length < 1_000,
      ),
    );
  });

  it('are the same for the same seed, spoiled or not, so that a finding can be sent again', () => {
    const sample = () => fc.sample(spoiled(fitting(schema)), { seed: 7, numRuns: 50 });
    expect(JSON.stringify(sample())).toBe(JSON.stringify(sample()));
  });

  it('are mostly refused once they are spoiled', () => {
    const values = fc.sample(spoiled(fitting(schema)), { seed: 7, numRuns: 200 });
    expect(values.filter((value) => !Message.safeParse(value).success).length).toBeGreaterThan(100);
  });
});
