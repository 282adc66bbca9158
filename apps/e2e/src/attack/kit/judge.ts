import type { Canaries } from '../stack/index.ts';

/* What no answer may be or contain, whoever asked. Pure. */

export interface Judged {
  readonly status: number;
  /** Headers and body, or the body of a message on the bus. */
  readonly text: string;
  /** The statuses of 5xx that the document of the interface names for this route. */
  readonly documented?: readonly number[];
  readonly reader: 'victim' | 'other' | 'log';
}

/** Frames of a stack trace, and paths of source code or of the disk. */
const INTERNALS: readonly RegExp[] = [
  /\n\s+at (?:async )?[\w.<>[\] ]+ \(?(?:file:|node:|\/)/,
  /\\n\s+at (?:async )?[\w.<>[\] ]+ \(?(?:file:|node:|\/)/,
  /node_modules\//,
  /\b(?:src|dist)\/[\w/-]+\.[jt]s:\d+/,
  /\/switchyard-attack-\w{6}/,
  /PrismaClient\w*Error/,
];

/** The reasons why this answer is a finding; empty if it is well. */
export function problemsOf({ status, text, documented = [], reader }: Judged, canaries: Canaries): string[] {
  const problems: string[] = [];
  if (status === 500) problems.push('500: an error that nobody foresaw');
  else if (status > 500 && !documented.includes(status)) problems.push(`${status}, which the document does not name`);
  const internal = INTERNALS.find((pattern) => pattern.test(text));
  if (internal) problems.push(`internals in the answer: ${internal.exec(text)?.[0].trim().slice(0, 120)}`);
  for (const name of canaries.in(text, reader)) problems.push(`a canary is in it: ${name}`);
  return problems;
}
