import { z } from 'zod';
import { Id } from './ids.ts';

/* Fields that many facts have; spread into their data. */

export const stepId = { step_id: Id };
export const failure = {
  error: z.string().nullable().default(null),
  error_code: z.string().max(64).nullable().default(null),
};
