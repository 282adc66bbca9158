import { z } from 'zod';

/**
 * `schema.safeParse` for what a stranger wrote: it never throws for a value. Zod compares the `length` of whatever has one,
 * also where another type is wanted, and throws for an object that cannot be compared (`{"length": {"toString": 5}}`). That is
 * a wrong value, and no defect.
 */
export function safeParse<S extends z.ZodType>(schema: S, value: unknown): z.ZodSafeParseResult<z.output<S>> {
  try {
    return schema.safeParse(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const issues: z.core.$ZodIssue[] = [{ code: 'custom', path: [], message: 'a field has the wrong type' }];
    return { success: false, error: new z.ZodError(issues) as z.ZodError<z.output<S>> };
  }
}
