/* Runs as tasks of the A2A protocol. */

export { CardController } from './card.controller.ts';
export { Cards } from './cards.ts';
export { Operations } from './operations.ts';
export { A2aRestController } from './rest.controller.ts';
export { A2aRpcController } from './rpc.controller.ts';
export { A2aTasks } from './tasks.ts';
