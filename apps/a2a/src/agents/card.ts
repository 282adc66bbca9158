import { safeParse } from '@switchyard/contracts';
import { AgentCard } from '@a2a-js/sdk';
import { leadsToAllowed } from '@switchyard/agent-card';
import { cardDigest } from './trust.ts';
import { z } from 'zod';

/** A vetted card: its interfaces lead only to allowed hosts, and its texts are plain and limited. */
export interface VettedCard {
  card: AgentCard;
  name: string;
  description: string;
  skills: { id: string; name: string; description: string }[];
  streaming: boolean;
  /** The card with all that it offers: what is signed. */
  whole: AgentCard;
  /** The digest of what is signed. */
  digest: string;
}

type CardVerdict = { ok: true; value: VettedCard } | { ok: false; reason: string };

const MAX_SKILLS = 100;

/** The fields that the SDK needs to read a card. It fills in all others. */
const CardShape = z.looseObject({
  name: z.string().min(1),
  supportedInterfaces: z
    .array(z.looseObject({ url: z.url(), protocolBinding: z.string(), protocolVersion: z.string() }))
    .min(1)
    .max(20),
  skills: z
    .array(z.looseObject({ id: z.string() }))
    .max(1_000)
    .default([]),
});

/**
 * Vets the text of a card. Pure.
 * - Only interfaces at the card's own origin, or at a host on `allowedHosts`, survive. A card without such an interface
 *   is refused.
 * - Only interfaces of protocol 1.x over JSONRPC or HTTP+JSON survive.
 * - Texts of the agent reach the planner without control, zero-width or tag characters, cut at their limits.
 */
export function vetCard(text: string, baseUrl: string, allowedHosts: readonly string[]): CardVerdict {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return { ok: false, reason: 'the card is no JSON' };
  }
  const shape = safeParse(CardShape, raw);
  if (!shape.success) {
    const issue = shape.error.issues[0];
    return { ok: false, reason: `the card is not an A2A 1.0 card (${issue?.path.join('.') || 'top level'})` };
  }
  let card: AgentCard;
  try {
    card = AgentCard.fromJSON(raw);
  } catch {
    return { ok: false, reason: 'the card is not an A2A 1.0 card' };
  }
  const spoken = card.supportedInterfaces.filter(
    ({ protocolBinding, protocolVersion }) =>
      /^(?:JSONRPC|HTTP\+JSON)$/i.test(protocolBinding) && /^1\./.test(protocolVersion),
  );
  if (spoken.length === 0)
    return { ok: false, reason: 'the card offers no A2A 1.x interface over JSONRPC or HTTP+JSON' };
  const interfaces = spoken.filter(({ url }) => leadsToAllowed(url, baseUrl, allowedHosts));
  if (interfaces.length === 0) return { ok: false, reason: 'the card leads to another origin that is not allowed' };
  return {
    ok: true,
    value: {
      card: { ...card, supportedInterfaces: interfaces },
      name: plainText(card.name, 200) || 'Agent',
      description: plainText(card.description, 4_000),
      skills: card.skills.slice(0, MAX_SKILLS).map((skill) => ({
        id: plainText(skill.id, 128),
        name: plainText(skill.name || skill.id, 200),
        description: plainText(skill.description, 1_000),
      })),
      streaming: card.capabilities?.streaming === true,
      whole: card,
      digest: cardDigest(card),
    },
  };
}

/** Text for a person or a prompt: no control, zero-width, bidirectional or tag characters; at most `max` characters. */
export function plainText(text: string, max: number): string {
  const plain = text
    .replace(/[\p{Cc}\p{Cf}\p{Co}]+/gu, (run) => (/[\n\t\r]/.test(run) ? ' ' : ''))
    .replace(/ {2,}/g, ' ')
    .trim();
  return plain.length <= max ? plain : `${plain.slice(0, max - 1)}…`;
}
