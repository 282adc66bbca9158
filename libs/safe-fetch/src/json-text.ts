import { type JSONPath, type ParseOptions, printParseErrorCode, visit } from 'jsonc-parser';

/*
 * What is wrong with a JSON text that a person wrote, and where. JSON.parse tells that for some mistakes only, and
 * differently in each Node.js. Lines and columns count from 1.
 */

export interface JsonMistake {
  readonly line: number;
  readonly column: number;
  readonly expected: string;
}

export interface JsonPlaces {
  /** The line of the value that `path` leads to, or of the deepest part of it that is there. */
  lineOf(path: readonly PropertyKey[]): number;
  /** The first name that an object has twice, of which JSON.parse keeps the last. */
  readonly repeated: { readonly name: string; readonly line: number } | undefined;
}

/** RFC 8259 and nothing more. */
const STRICT: ParseOptions = { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false };
const TOO_DEEP: JsonMistake = { line: 1, column: 1, expected: 'fewer levels' };
const TEXT = 'a text in double quotes, with \\n for a line break and \\\\ for a backslash';
/** What is expected by the mistake alone, wherever it stands. */
const EXPECTED: Readonly<Record<string, string>> = {
  UnexpectedEndOfString: TEXT,
  InvalidUnicode: TEXT,
  InvalidEscapeCharacter: TEXT,
  InvalidCharacter: TEXT,
  CloseBraceExpected: '"," or "}"',
  CloseBracketExpected: '"," or "]"',
};

/** The first mistake of a text that JSON.parse refuses; undefined where there is none. */
export function jsonMistake(text: string): JsonMistake | undefined {
  let mistake: JsonMistake | undefined;
  const closers: ('}' | ']')[] = [];
  let wants = 'a value';
  const ended = (): void => {
    const closer = closers.at(-1);
    wants = closer === undefined ? 'the end of the text' : `"," or "${closer}"`;
  };
  const closed = (): void => {
    closers.pop();
    ended();
  };
  const isWhole = visited(text, {
    onObjectBegin: () => {
      closers.push('}');
      wants = 'a name in double quotes or "}"';
    },
    onArrayBegin: () => {
      closers.push(']');
      wants = 'a value';
    },
    onObjectProperty: () => void (wants = '":"'),
    onSeparator: (separator) => {
      wants = separator === ',' && closers.at(-1) === '}' ? 'a name in double quotes' : 'a value';
    },
    onLiteralValue: ended,
    onObjectEnd: closed,
    onArrayEnd: closed,
    onError: (error, _offset, _length, line, column) => {
      const expected = EXPECTED[printParseErrorCode(error)] ?? wants;
      mistake ??= { line: line + 1, column: column + 1, expected };
    },
  });
  return mistake ?? (isWhole ? undefined : TOO_DEEP);
}

/** Where things stand in a text that is JSON. */
export function jsonPlaces(text: string): JsonPlaces {
  const lines = new Map<string, number>();
  const names: Set<string>[] = [];
  let repeated: JsonPlaces['repeated'];
  const note = (path: JSONPath, line: number): void => {
    const key = keyOf(path);
    if (!lines.has(key)) lines.set(key, line + 1);
  };
  visited(text, {
    onObjectBegin: (_offset, _length, line, _column, path) => {
      note(path(), line);
      names.push(new Set());
    },
    onObjectEnd: () => void names.pop(),
    onObjectProperty: (name, _offset, _length, line, _column, path) => {
      if (names.at(-1)?.has(name)) repeated ??= { name, line: line + 1 };
      names.at(-1)?.add(name);
      note([...path(), name], line);
    },
    onArrayBegin: (_offset, _length, line, _column, path) => note(path(), line),
    onLiteralValue: (_value, _offset, _length, line, _column, path) => note(path(), line),
  });
  return {
    repeated,
    lineOf: (path) => {
      for (let length = path.length; length > 0; length -= 1) {
        const found = lines.get(keyOf(path.slice(0, length)));
        if (found !== undefined) return found;
      }
      return 1;
    },
  };
}

/** False where the text is nested deeper than the stack allows. */
function visited(text: string, visitor: Parameters<typeof visit>[1]): boolean {
  try {
    visit(text, visitor, STRICT);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function keyOf(path: readonly PropertyKey[]): string {
  return JSON.stringify(path.map(String));
}
