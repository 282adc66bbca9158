export interface Verb {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  /** What may stand after it. */
  readonly words?: readonly string[];
  /** Installs and builds what is missing before it begins. */
  readonly setUp?: boolean;
  /** Announced, not there yet. */
  readonly later?: boolean;
}
export const VERBS: readonly Verb[];
export function overview(): string;
export function suggestion(word: string, known: readonly string[]): string | undefined;
export function unknownVerb(word: string): string;
