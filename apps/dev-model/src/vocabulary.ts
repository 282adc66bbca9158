/** Words of English that say nothing about what a task is about. */
const STOP_WORDS = new Set(
  (
    'a an and are as at be by can could did do does for from had has have how i if in into is it its like me my of on ' +
    'one or our please say says so tell that the their them then there these this those to us use using was we were ' +
    'what when where which who will with would you your now today right just also a given returns return'
  ).split(' '),
);

const READ_VERBS = 'get read show fetch find list look lookup search retrieve check view open what which see';
const WRITE_VERBS = 'add save write store create make put set send remember record post insert keep note update';
const DELETE_VERBS = 'delete remove drop erase clear cancel';

/** What a verb does: a task that wants to read must not be answered by a function that writes, and so on. */
export type VerbClass = 'read' | 'write' | 'delete';

const VERBS = new Map<string, VerbClass>([
  ...READ_VERBS.split(' ').map((verb) => [verb, 'read'] as const),
  ...WRITE_VERBS.split(' ').map((verb) => [verb, 'write'] as const),
  ...DELETE_VERBS.split(' ').map((verb) => [verb, 'delete'] as const),
]);

export function verbClass(word: string): VerbClass | undefined {
  return VERBS.get(word);
}

/** The words of `text` in lower case; `camelCase`, `snake_case` and punctuation separate words. */
export function wordsOf(text: string): string[] {
  return (
    text
      .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  );
}

/** Folds the usual endings, so that "notes" meets "note" and "calculate" meets "calculator". */
export function stem(word: string): string {
  if (word.length < 5) return word.endsWith('s') && word.length > 3 ? word.slice(0, -1) : word;
  return word.replace(/(?:ations?|ators?|ating|ates?|ings?|ies|ers?|ed|es|s|e)$/, '') || word;
}

/** The meaningful words of `text`, stemmed. */
export function topicWords(text: string): Set<string> {
  const topics = new Set<string>();
  for (const word of wordsOf(text)) if (!STOP_WORDS.has(word)) topics.add(stem(word));
  return topics;
}

/** `get_weather` -> "weather"; `delegate_to_mock_agent` -> "mock agent". The function's name for people. */
export function nounOf(functionName: string): string {
  const words = functionName
    .replace(/^delegate_to_/, '')
    .split(/[_.\-\s]+/)
    .filter(Boolean);
  const nouns = words.length > 1 && verbClass(words[0]!.toLowerCase()) ? words.slice(1) : words;
  return nouns.join(' ');
}

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
