/*
 * Why a service ended, from the end of what it wrote. Pure. What it wrote is masked already: configuration problems and log
 * lines hide what is secret.
 */

const MAX_CHARS = 600;
const INVALID = 'The configuration is not valid:';

interface LogLine {
  readonly level?: unknown;
  readonly message?: unknown;
  readonly err?: { readonly message?: unknown };
}

/** The sentence that tells why; undefined where it wrote nothing. */
export function reasonForExit(written: string): string | undefined {
  const lines = written.split('\n').filter((line) => line.trim() !== '');
  const told =
    ofConfiguration(lines) ?? ofStart(lines) ?? ofLog(lines) ?? lines.findLast((line) => !line.startsWith('{'));
  if (told === undefined) return undefined;
  // eslint-disable-next-line no-control-regex -- control characters would reach a terminal
  const flat = told.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
  return flat.trim().slice(0, MAX_CHARS);
}

function ofConfiguration(lines: readonly string[]): string | undefined {
  const from = lines.findLastIndex((line) => line.startsWith(INVALID));
  if (from < 0) return undefined;
  const rest = lines.slice(from + 1);
  const end = rest.findIndex((line) => !line.startsWith(' '));
  const problems = (end < 0 ? rest : rest.slice(0, end)).map((line) => line.trim());
  return `the configuration is not valid: ${problems.join('; ')}`;
}

const ofStart = (lines: readonly string[]): string | undefined =>
  lines.findLast((line) => line.startsWith('Cannot start:'));

function ofLog(lines: readonly string[]): string | undefined {
  for (const line of lines.toReversed()) {
    const { level, message, err } = parsed(line);
    if ((level !== 'error' && level !== 'fatal') || typeof message !== 'string') continue;
    const cause = err?.message;
    return typeof cause === 'string' && cause !== message ? `${message.replace(/\.$/, '')}: ${cause}` : message;
  }
  return undefined;
}

function parsed(line: string): LogLine {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
