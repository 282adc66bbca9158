/* What peers and servers tell each other beside requests: features, contacts, presence. */

export { Acquaintances } from './acquaintances.ts';
export { Answers } from './answers.ts';
export { answerDisco, NS_DISCO, PeerFeatures, type PeerWire } from './disco.ts';
export { handsOn, Hearing } from './hearing.ts';
export { NS_ROSTER } from './roster.ts';
