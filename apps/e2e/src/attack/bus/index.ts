/* Attacks on the bus: logins, signatures and rules. */

export { judgeBusAnswer } from './judge.ts';
export { BusLogin } from './login.ts';
export { forbiddenTo, NOBODY } from './rules.ts';
export { headersOf, honestHeaders, type Question, type Signature, signed } from './signer.ts';
