import { CALLS } from './calls.ts';
import { ENDINGS } from './endings.ts';
import type { Exhibit } from './exhibit.ts';
import { REFUSALS } from './refusals.ts';
import { TEXTS } from './texts.ts';

/** The habits of model servers, one row each; the model `museum/<name>` has the habit of that name. */
export const MUSEUM: readonly Exhibit[] = [...TEXTS, ...CALLS, ...ENDINGS, ...REFUSALS];

const byName = new Map(MUSEUM.map((exhibit) => [exhibit.name, exhibit]));
const PREFIX = 'museum/';

/** Undefined for a model that is not in the museum. */
export function exhibitOf(model: string): Exhibit | undefined {
  return model.startsWith(PREFIX) ? byName.get(model.slice(PREFIX.length)) : undefined;
}
