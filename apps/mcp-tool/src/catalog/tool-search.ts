import type { ToolInfo } from '@switchyard/contracts';

/*
 * Finds tools by what they are for. Pure: the same question over the same tools gives the same order.
 *
 * - A rare word counts more than a common one. A word counts most in a name, less in the provider, and least in the
 *   description.
 * - A word that is the beginning of another counts half.
 * - A tool that fits no word of the question is not found.
 */

type Searched = Pick<ToolInfo, 'name' | 'description' | 'provider'>;

export interface Found<T> {
  readonly tool: T;
  readonly score: number;
}

const WEIGHTS = { name: 4, provider: 2, description: 1 } as const;
const MAX_WORDS = 32;

export function searchTools<T extends Searched>(tools: readonly T[], query: string, topK: number): Found<T>[] {
  const asked = [...new Set(wordsOf(query))].slice(0, MAX_WORDS);
  const indexed = tools.map((tool) => ({
    tool,
    fields: (['name', 'provider', 'description'] as const).map((field) => ({
      weight: WEIGHTS[field],
      words: new Set(wordsOf(tool[field])),
    })),
  }));
  const rarity = asked.map((word) => {
    const holding = indexed.filter(({ fields }) => fields.some(({ words }) => fit(words, word) > 0)).length;
    return holding === 0 ? 0 : Math.log(1 + tools.length / holding);
  });
  return indexed
    .map(({ tool, fields }) => ({
      tool,
      score: asked.reduce(
        (sum, word, index) =>
          sum + rarity[index]! * Math.max(...fields.map(({ weight, words }) => weight * fit(words, word))),
        0,
      ),
    }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || (a.tool.name < b.tool.name ? -1 : 1))
    .slice(0, topK);
}

function fit(words: ReadonlySet<string>, word: string): number {
  if (words.has(word)) return 1;
  if (word.length < 3) return 0;
  for (const other of words) if (other.startsWith(word) || (other.length >= 3 && word.startsWith(other))) return 0.5;
  return 0;
}

/** `sendMail`, `send_mail` and "send mail" are the same two words. */
function wordsOf(text: string): string[] {
  return text
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '' && !STOP.has(word));
}

const STOP: ReadonlySet<string> = new Set(
  ['a', 'an', 'and', 'by', 'for', 'from', 'in', 'is', 'it', 'of', 'on'].concat(['or', 'the', 'to', 'with']),
);
