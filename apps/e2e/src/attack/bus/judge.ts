import { type Attack, type Finding, problemsOf } from '../kit/index.ts';
import type { BusAnswer } from './login.ts';

/** What any answer on the bus is judged by: there is one, it is no defect, and nothing is in it that must not be. */
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
