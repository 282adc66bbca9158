export { type Card, readCard, signedText } from './canonical.ts';
export { type CardCheck, type CardVerdict, checkCard } from './check-card.ts';
export { type AcceptedCard, olderThan } from './freshness.ts';
export { type KeySource, keySourceOf, leadsToAllowed } from './key-source.ts';
export { signCard } from './sign-card.ts';
export { jwksOf, type PublicKey, publicKeysOf, type SigningKey, SigningKeysText } from './signing-keys.ts';
