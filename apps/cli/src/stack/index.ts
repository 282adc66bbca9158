/* The processes of a private stack: started, supervised, stopped. */

export { sourceOf } from './infrastructure.ts';
export { noteOfSecond, stopSecondOrganisation } from './second-record.ts';
export { entryOf } from './services.ts';
export { ensureStack, type StackListener, stopStack } from './stack.ts';
