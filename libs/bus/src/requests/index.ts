/* Both sides of a request. */

export { type OfferedAgent, offeredAgents } from './agents.ts';
export { RpcServer } from './rpc-server.ts';
export { RpcClient } from './rpc-client.ts';
export { CallerLost, Detached, NoResponders } from './abort-reasons.ts';
export { prepareAnswer } from './prepared.ts';
