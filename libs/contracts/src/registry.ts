import type { RequestContract } from './base/define.ts';
import * as messages from './messages.ts';

/**
 * Every request of the system, by its subject, for the generated documents, the permissions and the tests that try them
 * all: whatever of messages.ts is a request, or a table of requests.
 */
export const REQUESTS: readonly RequestContract[] = Object.values(messages)
  .flatMap((value: unknown) => (isRequest(value) || !isTable(value) ? [value] : Object.values(value)))
  .filter(isRequest)
  .sort((a, b) => (a.subject < b.subject ? -1 : 1));

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function isRequest(value: unknown): value is RequestContract {
  return isTable(value) && value['kind'] === 'request';
}
