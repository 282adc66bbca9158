import { AgentCard, canonicalizeAgentCard } from '@a2a-js/sdk';
import { z } from 'zod';

/** A card as the A2A SDK reads it. What the SDK does not know is not in it: it is neither signed nor used. */
export type Card = AgentCard;

/** The fields that the SDK needs to read a card. It fills in all others. */
const CardShape = z.looseObject({ name: z.string(), supportedInterfaces: z.array(z.looseObject({})) });
const MAX_DEPTH = 64;

/** Reads a card from JSON. Undefined: it is no A2A 1.0 card, or it is nested deeper than any honest one. */
export function readCard(raw: unknown): Card | undefined {
  if (!isShallow(raw, MAX_DEPTH) || !CardShape.safeParse(raw).success) return undefined;
  try {
    return AgentCard.fromJSON(raw);
  } catch {
    return undefined;
  }
}

/**
 * The text that is signed: the card in the JSON Canonicalization Scheme (RFC 8785) without its signatures and without
 * empty and default values, as every A2A SDK makes it.
 */
export function signedText(card: Card): string {
  return canonicalizeAgentCard(card);
}

function isShallow(value: unknown, left: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return left > 0 && Object.values(value).every((each) => isShallow(each, left - 1));
}
