import { sha256 } from '@switchyard/contracts';

const MAX_NAME = 64;
/** Letters of a name that is too long or was changed; with "_" and 8 digits of its hash it is 64. */
const KEPT = 55;

/**
 * The name under which a tool of a provider is listed and called: `<provider>__<tool>`, at most 64 letters, digits,
 * "_" and "-", which every model takes. Where that needs a change, a hash of the whole name keeps it apart from others.
 * The same for the same tool always, however many providers there are; never taken apart again: what it means is in
 * the catalogue. Pure.
 */
export function toolName(provider: string, tool: string): string {
  const whole = `${provider}__${tool}`;
  const plain = whole.replace(/[^A-Za-z0-9_-]/g, '_');
  if (plain === whole && whole.length <= MAX_NAME) return whole;
  return `${plain.slice(0, KEPT)}_${sha256(`${provider}.${tool}`).slice(0, 8)}`;
}
