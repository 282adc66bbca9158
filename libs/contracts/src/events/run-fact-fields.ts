import { z } from 'zod';
import { Id } from '../base/ids.ts';

/* Fields that many facts have; spread into their data. */

/** W3C trace context: which trace something belongs to. It names no run, no person and no secret. */
export const Traceparent = z.string().regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);

export const stepId = { step_id: Id };
export const failure = {
  error: z.string().nullable().default(null),
  error_code: z.string().max(64).nullable().default(null),
};
