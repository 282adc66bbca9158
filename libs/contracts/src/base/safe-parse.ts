import { z } from 'zod';

/**
 * `schema.safeParse` for untrusted input: it never throws for a value. Zod compares the `length` of any value that has one,
 * even if another type is wanted, and throws for an object that cannot be compared (`{"length": {"toString": 5}}`). Such
 * input is a wrong value and not a defect.
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
