import { z } from 'zod';

/* What settings of every service look like. */

export const integer = (min: number, max: number, fallback: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);

export const flag = (fallback: boolean) =>
  z
    .enum(['true', 'false'], 'expected true or false')
    .default(fallback ? 'true' : 'false')
    .transform((value) => value === 'true');

/** Comma-separated; blanks around an item, and empty items, do not count. */
export const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );
