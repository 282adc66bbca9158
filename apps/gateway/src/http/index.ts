/* The HTTP parts that all routes share: problems, limits, headers and hooks. */

export { onClientError } from './client-error.ts';
export { headerOf } from './headers.ts';
export { isJson } from './json-body.ts';
export { deeperThan, MAX_BODY_DEPTH } from './json-depth.ts';
export { AbsenceWaiter } from './absence-waiter.ts';
export { ProblemFilter } from './problem.filter.ts';
export { PROBLEM_TYPE, refusalOf, toProblem } from './problem.ts';
export { createRateLimit, type RateLimit } from './rate-limit.ts';
export { aztmLogin, registerReadiness } from './readiness.ts';
export { acts, authOf, readsOnly } from './routes.ts';
export { StreamSlots } from './slots.ts';
export { concerns, traceRequests } from './spans.ts';
export { Traffic } from './traffic.ts';
