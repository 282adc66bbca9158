/* Both sides of a request. */

export { Answerer } from './answerer.ts';
export { Asker } from './asker.ts';
export { CallerGone, Leaving, NobodyThere } from './leaving.ts';
export { prepareAnswer } from './prepared.ts';
