/** Small extractors over the words of a person. Pure, linear, each reads at most what it is given. */

const NOT_A_PLACE = new Set(
  (
    'celsius fahrenheit kelvin january february march april may june july august september october november december ' +
    'monday tuesday wednesday thursday friday saturday sunday what how please tell add get give show is the which ' +
    'who when where why and or i also then first ask could can would will me my a an it general detail order words ' +
    'english today tomorrow now find calculate use call weather forecast that let there here what’s'
  ).split(' '),
);

const CAPITALISED = String.raw`\p{Lu}[\p{L}'’.-]*\p{L}(?:[ -](?:\p{Lu}[\p{L}'’-]+|de|la|am|upon|of(?= \p{Lu})))*`;
const PLACE_LIST = new RegExp(
  String.raw`\b(?:in|for|at|near|of|from|to|about)\s+(${CAPITALISED}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s+or\s+)${CAPITALISED})*)`,
  'gu',
);

/** Names of places: "in/for London and Paris", "London's weather", "weather in oslo". */
export function places(text: string): string[] {
  for (const match of text.matchAll(PLACE_LIST)) {
    const named = match[1]!.split(/\s*,\s*(?:and\s+)?|\s+and\s+|\s+or\s+/).filter(isPlace);
    if (named.length > 0) return [...new Set(named)].slice(0, 8);
  }
  const owner = [...text.matchAll(/(\p{Lu}\p{L}+)['’]s\b/gu)].map((match) => match[1]!).find(isPlace);
  if (owner) return [owner];
  const lower =
    /\b(?:in|for|at)\s+([\p{Ll}-]{3,}(?:\s(?!today|now|tomorrow|right|like|and|please)[\p{Ll}-]{3,})?)\s*(?:[?.!,]|$|today|now|tomorrow|right now|like|please)/u.exec(
      text,
    )?.[1];
  if (lower && isPlace(lower) && !/^(?:the|my|a|an|this|that|me)\b/.test(lower)) return [titleCase(lower)];
  const rest = [...text.slice(1).matchAll(new RegExp(CAPITALISED, 'gu'))].map((match) => match[0]).find(isPlace);
  return rest ? [rest] : [];
}

function isPlace(name: string): boolean {
  return name.length > 1 && !NOT_A_PLACE.has(name.toLowerCase());
}

function titleCase(text: string): string {
  return text.replace(/(^|[\s-])(\p{Ll})/gu, (_, before: string, letter: string) => before + letter.toUpperCase());
}

const QUOTED = /"([^"]*)"|“([^”]*)”|«([^»]*)»|(?<=^|[\s(:,])'((?:[^']|'(?=\p{L}))*)'(?=$|[\s).,;:?!])|`([^`]*)`/gu;

/** Texts in quotation marks, in order; an apostrophe within a word is none. */
export function quoted(text: string): string[] {
  return [...text.matchAll(QUOTED)].map((match) => match.slice(1).find((group) => group !== undefined) ?? '');
}

/** Start and end offsets of quoted texts: no task is cut within them. */
export function quotedSpans(text: string): [number, number][] {
  return [...text.matchAll(QUOTED)].map((match) => [match.index, match.index + match[0].length]);
}

export function emails(text: string): string[] {
  return text.match(/[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+/g) ?? [];
}

export function urls(text: string): string[] {
  return (text.match(/https?:\/\/[^\s"'<>)\]]+/g) ?? []).map((url) => url.replace(/[.,;:?!]+$/, ''));
}

export function dates(text: string): string[] {
  return text.match(/\b\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})?)?\b/g) ?? [];
}

export function numbers(text: string): number[] {
  return (text.match(/(?<![\p{L}\d.-])-?\d+(?:\.\d+)?(?![\p{L}\d])/gu) ?? []).map(Number);
}

/** "called X", "named X", "titled X", "with the title X": the name of a thing. */
export function named(text: string): string | undefined {
  const match =
    /\b(?:called|named|titled|entitled|labelled|labeled|with (?:the |a )?(?:title|name|key|id|subject|label)(?: of)?)\s+(?:"([^"]+)"|“([^”]+)”|'([^']+)'|([\p{L}\p{N}][\p{L}\p{N}_-]*(?: (?!that\b|which\b|saying\b|says\b|with\b|and\b|containing\b|then\b|to\b)[\p{L}\p{N}][\p{L}\p{N}_-]*){0,5}))/iu.exec(
      text,
    );
  return match?.slice(1).find((group) => group !== undefined);
}

/** "the note shopping", "my shopping note", "note about shopping", 'note "x"': a thing of a kind (`noun`) by its name. */
export function namedAfter(text: string, noun: string): string | undefined {
  if (!/^[\p{L}\p{N} ]+$/u.test(noun)) return undefined;
  const kind = `${noun}s?`;
  const name = String.raw`(?:"([^"]+)"|“([^”]+)”|'([^']+)'|([\p{L}\p{N}][\p{L}\p{N}_-]*))`;
  const after = new RegExp(String.raw`\b${kind}\s+(?:about |on |for |number |no\. ?|#)?${name}`, 'iu').exec(text);
  const word = after?.slice(1).find((group) => group !== undefined);
  if (
    word &&
    !/^(?:that|which|says?|saying|with|and|called|named|titled|is|are|to|back|again|please|contain\w*|i|from|you)$/i.test(
      word,
    )
  )
    return word;
  const before = new RegExp(String.raw`\b(?:the|my|a|an|our)\s+([\p{L}\p{N}_-]+)\s+${kind}\b`, 'iu').exec(text)?.[1];
  return before && !/^(?:new|last|first|same|other|short|quick|old)$/i.test(before) ? before : undefined;
}

/** "that says X", "saying X", "with the text X", "note: X", "remember that X": what is to be written. */
export function content(text: string): string | undefined {
  const match =
    /(?:\b(?:that|which) (?:says|reads|states|contains)|\bsaying|\bsays|\bcontaining|\bwith (?:the )?(?:content|text|body|message)|:)\s*:?\s*(.+)$/isu.exec(
      text,
    ) ??
    /\b(?:remember|note|reminder|reminds? me|memo)\s+(?:that|to|about)\s+(.+)$/isu.exec(text) ??
    /\b(?:remember|save|store|write down|note down)\s+(?!a\b|an\b|the\b|my\b|it\b|this\b|that\b)(.+)$/isu.exec(text);
  if (!match) return undefined;
  return stripQuotes(match[1]!);
}

/** What is searched for: "search for X", "look up X", "find X about Y". */
export function searched(text: string): string | undefined {
  const match =
    /\b(?:search(?:es)?(?: the \w+)?(?: for)?|look(?:s)? (?:up|for)|find(?: out)?(?: about)?|about)\s+(.+)$/isu.exec(
      text,
    );
  return match ? stripQuotes(match[1]!) : undefined;
}

/** Removes the punctuation at the end, and quotation marks that enclose the whole. */
export function stripQuotes(text: string): string {
  const quotedWhole = /^\s*(?:"([^"]*)"|“([^”]*)”|'([^']*)'|`([^`]*)`)/u.exec(text);
  const inner = quotedWhole?.slice(1).find((group) => group !== undefined);
  return inner ?? text.trim().replace(/[.?!,;\s]+$/, '');
}

/** "it", "that", "the result": the part stands on what came before it. */
export function refersBack(text: string): boolean {
  return /\b(?:it|that|them|the (?:result|answer|output|outcome|reply)|this result)\b/i.test(text);
}
