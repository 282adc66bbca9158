import type { RunEvent } from '@switchyard/contracts';
import { redactSecrets } from '@switchyard/platform';

/** What of a fact may be written down, and its JSON. */
interface Masked {
  readonly data: unknown;
  readonly json: string;
}

const MASKED = new WeakMap<RunEvent, Masked>();

/** The payload of a fact without secrets. The record and the lines of a fact share it: it is made once. */
export function maskedOf(event: RunEvent): Masked {
  const known = MASKED.get(event);
  if (known !== undefined) return known;
  const data = redactSecrets(event.data);
  const masked = { data, json: JSON.stringify(data) };
  MASKED.set(event, masked);
  return masked;
}
