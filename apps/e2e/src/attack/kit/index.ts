/* What every batch uses to send requests and to judge the answers. */

export { type Attack, type Batch, eachOf, type HttpCase, tryAll, tryHttp } from './attack.ts';
export { type Finding, Findings, findingText } from './findings.ts';
export { fuzz } from './fuzz.ts';
export { answersIn, send, sendRaw, type Sent } from './http-client.ts';
export { problemsOf } from './judge.ts';
export { type Operation, type Parameter, readInterface } from './operations.ts';
export { INTRUDERS, MALLORY } from './principals.ts';
export { devHeaders, furnish, VICTIM, type World } from './world.ts';
