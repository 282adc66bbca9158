/** What is remembered of the card that was accepted last, so that an older one is told from it. */
export interface AcceptedCard {
  readonly version: string;
  /** Seconds since 1970; undefined where its signature does not say. */
  readonly issuedAt?: number | undefined;
}

/**
 * Why a card is older than the one accepted last, or undefined where it is not. Pure.
 * - The time of the signature decides where both have one.
 * - A card without such a time after one that had it counts as older: only an earlier signature lacks it.
 * - Otherwise the version decides, number by number; versions that are no numbers say nothing.
 */
export function olderThan(seen: AcceptedCard | undefined, card: AcceptedCard): string | undefined {
  if (!seen) return undefined;
  if (seen.issuedAt !== undefined) {
    if (card.issuedAt === undefined) return 'it does not say when it was signed, and the card before it did';
    if (card.issuedAt < seen.issuedAt)
      return `it was signed at ${time(card.issuedAt)}, and the card before it at ${time(seen.issuedAt)}`;
    return undefined;
  }
  return isLower(card.version, seen.version)
    ? `it has version ${card.version}, and the card before it ${seen.version}`
    : undefined;
}

/** Seconds since 1970 as a person reads them. */
export function time(seconds: number): string {
  const date = new Date(seconds * 1_000);
  return Number.isNaN(date.getTime()) ? `${seconds} s` : date.toISOString().replace('.000Z', 'Z');
}

function isLower(version: string, than: string): boolean {
  const [left, right] = [numbersOf(version), numbersOf(than)];
  if (!left || !right) return false;
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** `v1.2.3-beta` -> [1, 2, 3] */
function numbersOf(version: string): number[] | undefined {
  const match = /^v?(\d{1,9}(?:\.\d{1,9}){0,5})(?:[-+].*)?$/i.exec(version.trim());
  return match ? match[1]!.split('.').map(Number) : undefined;
}
