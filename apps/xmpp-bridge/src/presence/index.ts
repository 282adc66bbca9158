/* The exchanges with peers and servers beside requests: features, contacts, presence. */

export { Contacts } from './contacts.ts';
export { Answers } from './answers.ts';
export { answerDisco, NS_DISCO, PeerFeatures, type PeerWire } from './disco.ts';
export { handsOn, ReplyListener } from './reply-listener.ts';
export { NS_ROSTER } from './roster.ts';
