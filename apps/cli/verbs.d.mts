/** Rows of a help: how an option (or a word) is written, and what it means. */
export type OptionRows = readonly (readonly [option: string, meaning: string])[];
export interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
}
export interface Verb {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  /** What its help lists, from which the parser knows its options. */
  readonly options: OptionRows;
  /** What may stand after it. */
  readonly words?: readonly string[];
  /** Installs and builds what is missing before it begins. */
  readonly setUp?: boolean;
  /** The file of src/ that exports it under its name; absent: answered before anything is built. */
  readonly module?: string;
}
export const VERBS: readonly Verb[];
export function overview(): string;
export function verbHelp(verb: Verb): string;
export function optionsOf(verb: Verb): Record<string, Option>;
export function suggestion(word: string, known: readonly string[]): string | undefined;
export function unknownVerb(word: string): string;
