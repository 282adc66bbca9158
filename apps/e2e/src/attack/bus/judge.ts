import { type Attack, type Finding, problemsOf } from '../kit/index.ts';
import type { BusAnswer } from './login.ts';

/**
 * Judges an answer on the bus: it has to exist, must not be an internal error, and must not contain a secret or data of
 * another tenant.
 */
export function judgeBusAnswer(
  { stack, findings }: Attack,
  about: Omit<Finding, 'what'>,
  answer: BusAnswer | undefined,
): void {
  if (answer === undefined) return findings.add({ ...about, what: 'there was no answer' });
  const problems = problemsOf({ status: 200, text: answer.text, reader: 'other' }, stack.canaries);
  if (answer.code === 'internal') problems.push('internal: an error that nobody foresaw');
  for (const what of problems) findings.add({ ...about, what: `${what} (${answer.text.slice(0, 160)})` });
}
