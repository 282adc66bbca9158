/*
 * Patterns of hosts in a service map: `*:8080`, `*.local`, `pre*`, `*mid*`, `*`, each but the first also with a port.
 * Pure; a match takes time in proportion to the host.
 */

export interface HostPattern {
  /** Lower case, the port as a plain number. */
  readonly text: string;
  readonly kind: 'suffix' | 'prefix' | 'middle' | 'any';
  /** The text with which the host ends or begins, or that it contains. */
  readonly part: string;
  readonly port: string | undefined;
}

/** The order in which kinds are tried, as documented; within one the longer part comes first. */
const KINDS: readonly HostPattern['kind'][] = ['suffix', 'prefix', 'middle', 'any'];
const SHAPE = /^(\*?)([a-z0-9._-]*)(\*?)(?::(\d{1,5}))?$/;

/** Undefined where the text is none. */
export function parseHostPattern(text: string): HostPattern | undefined {
  const lower = text.toLowerCase();
  const match = SHAPE.exec(lower);
  if (!match || !lower.includes('*')) return undefined;
  const [, before, part = '', after, port] = match;
  if (port !== undefined && (Number(port) > 65_535 || Number(port) < 1)) return undefined;
  const plain = port === undefined ? undefined : String(Number(port));
  const name = lower.split(':')[0]!;
  const at = { text: plain === undefined ? name : `${name}:${plain}`, part, port: plain };
  if (part === '') return before !== '' && after === '' ? { ...at, kind: 'any' } : undefined;
  if (before !== '' && after !== '') return { ...at, kind: 'middle' };
  return { ...at, kind: before === '' ? 'prefix' : 'suffix' };
}

/** Sorts patterns: those with a port first, then by kind, then the longer part, then as written. */
export function inOrder(patterns: readonly HostPattern[]): HostPattern[] {
  const rank = ({ port, kind }: HostPattern): number => (port === undefined ? KINDS.length : 0) + KINDS.indexOf(kind);
  return [...patterns].sort((a, b) => rank(a) - rank(b) || b.part.length - a.part.length);
}

export function matchesHost({ kind, part, port }: HostPattern, host: string, hostPort: string): boolean {
  if (port !== undefined && port !== hostPort) return false;
  switch (kind) {
    case 'suffix':
      return host.endsWith(part);
    case 'prefix':
      return host.startsWith(part);
    case 'middle':
      return host.includes(part);
    case 'any':
      return true;
  }
}
