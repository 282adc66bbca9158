/*
 * Where a text stops being JSON. JSON.parse tells this for some mistakes only, and differently in each Node.
 */

export interface JsonMistake {
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  readonly expected: string;
}

const STRING = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;
const SPACE = /[ \t\r\n]*/y;

/** The first mistake of a text that JSON.parse refuses (RFC 8259); undefined where there is none. */
export function jsonMistake(text: string): JsonMistake | undefined {
  let at = 0;
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const skip = (): string => {
    take(SPACE);
    return text[at] ?? '';
  };
  const mistake = (expected: string): JsonMistake => {
    const lines = text.slice(0, at).split('\n');
    return { line: lines.length, column: (lines.at(-1) ?? '').length + 1, expected };
  };

  // The brackets that are open, so that depth costs no stack.
  const open: ('}' | ']')[] = [];
  let wants: 'value' | 'first' | 'key' | 'next' = 'value';
  for (;;) {
    const char = skip();
    const closer = open.at(-1);
    if (wants === 'next' && closer === undefined) return char === '' ? undefined : mistake('the end of the text');
    if (closer !== undefined && char === closer && (wants === 'first' || wants === 'next')) {
      at += 1;
      open.pop();
      wants = 'next';
    } else if (wants === 'next') {
      if (char !== ',') return mistake(`"," or "${closer}"`);
      at += 1;
      wants = closer === '}' ? 'key' : 'value';
    } else if (closer === '}' && wants !== 'value') {
      if (!take(STRING))
        return mistake(wants === 'first' ? 'a name in double quotes or "}"' : 'a name in double quotes');
      if (skip() !== ':') return mistake('":"');
      at += 1;
      wants = 'value';
    } else if (char === '{' || char === '[') {
      at += 1;
      open.push(char === '{' ? '}' : ']');
      wants = 'first';
    } else if (take(STRING) || take(SCALAR)) {
      wants = 'next';
    } else {
      return mistake('a value');
    }
  }
}
