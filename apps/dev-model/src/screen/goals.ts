/*
 * What a task in words wants of a screen, as a list of goals in the order of the words. Pure. Things are named in quotes.
 */

export type Goal =
  | { readonly do: 'press'; readonly label: string }
  | { readonly do: 'fill'; readonly field: string; readonly text: string }
  | { readonly do: 'tick'; readonly label: string; readonly on: boolean }
  | { readonly do: 'set'; readonly slider: string; readonly value: number }
  | { readonly do: 'choose'; readonly path: readonly string[] }
  | { readonly do: 'select'; readonly item: string }
  | { readonly do: 'drag'; readonly card: string; readonly column: string };

const QUOTED = '["“]([^"”]*)["”]';
const THE = '(?:the\\s+)?';

type Rule = readonly [pattern: string, goal: (...found: string[]) => Goal];

const RULES: readonly Rule[] = [
  [
    `(?:type|enter|write|put)\\s+${QUOTED}\\s+(?:in|into|as|for)\\s+${THE}(?:field\\s+)?${QUOTED}`,
    (text, field) => ({ do: 'fill', field: field!, text: text! }),
  ],
  [
    `fill\\s+(?:in\\s+)?${THE}(?:field\\s+)?${QUOTED}\\s+with\\s+${QUOTED}`,
    (field, text) => ({ do: 'fill', field: field!, text: text! }),
  ],
  [
    `set\\s+${THE}(?:slider\\s+)?${QUOTED}\\s+to\\s+(\\d+)`,
    (slider, value) => ({ do: 'set', slider: slider!, value: Number(value) }),
  ],
  [
    `(un)?(?:tick|check)\\s+${THE}(?:box\\s+|checkbox\\s+)?${QUOTED}`,
    (un, label) => ({ do: 'tick', label: label!, on: un === undefined }),
  ],
  [
    `drag\\s+${THE}(?:card\\s+)?${QUOTED}\\s+(?:to|into|onto)\\s+${THE}(?:column\\s+)?${QUOTED}`,
    (card, column) => ({ do: 'drag', card: card!, column: column! }),
  ],
  [
    `(?:choose|pick)\\s+${QUOTED}\\s+(?:from|in)\\s+${THE}menu`,
    (path) => ({ do: 'choose', path: path!.split('>').map((part) => part.trim()) }),
  ],
  [`select\\s+${QUOTED}\\s+(?:from|in)\\s+${THE}list`, (item) => ({ do: 'select', item: item! })],
  [`(?:press|click|push)\\s+${THE}(?:button\\s+)?${QUOTED}`, (label) => ({ do: 'press', label: label! })],
];

/** The goals of a task; none where it names nothing that can be done on a screen. */
export function goalsOf(task: string): Goal[] {
  return RULES.flatMap(([pattern, goal]) =>
    [...task.matchAll(new RegExp(`\\b${pattern}`, 'gi'))].map((found) => ({
      at: found.index,
      goal: goal(...found.slice(1)),
    })),
  )
    .sort((a, b) => a.at - b.at)
    .map(({ goal }) => goal);
}
