/* Reports to the audit log, in the background: refusals, logins, streams. */

export { Denials, deniedSource, sourceOf, userKey } from './denials.ts';
export { FactQueue } from './fact-queue.ts';
export { FailedLogins } from './failed-logins.ts';
export { Logins } from './logins.ts';
export { type OpenStream, StreamReporter, type WhyClosed } from './stream-reporter.ts';
