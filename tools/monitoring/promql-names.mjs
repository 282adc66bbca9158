// @ts-check

/*
 * Which metrics and labels a PromQL expression names. It knows as much of the language as rules and dashboards here use: an
 * identifier that is no function, no word of the language and no label is a metric.
 */

const WORDS = new Set(
  'and or unless by without on ignoring group_left group_right bool offset sum min max avg count inf nan'.split(' '),
);

/**
 * @param {string} query
 * @returns {{name: string, labels: string[]}[]}
 */
export function namesIn(query) {
  /** @type {string[][]} */
  const selectors = [];
  const bare = query
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
    .replaceAll(/\{([^}]*)\}/g, (_all, inside) => {
      selectors.push([...String(inside).matchAll(/([A-Za-z_]\w*)\s*(?:=~|!~|!=|=)/g)].map((match) => String(match[1])));
      return `{${selectors.length - 1}}`;
    })
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .replaceAll(/\b\d[\w.]*/g, (number, at, text) => (/[{\w:]$/.test(text.slice(0, at)) ? number : '0'));
  return [...bare.matchAll(/([A-Za-z_:][\w:]*)\s*(\(|\{(\d+)\})?/g)].flatMap(([, name = '', after, index]) =>
    after === '(' || WORDS.has(name.toLowerCase())
      ? []
      : [{ name, labels: index === undefined ? [] : (selectors[Number(index)] ?? []) }],
  );
}
