/*
 * Where in a JSON text something stands, for people who are told what is wrong with it. The text must be JSON.
 */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

interface Open {
  readonly isArray: boolean;
  at: string | number;
  readonly names: Set<string>;
}

export interface JsonPlaces {
  /** The line (from 1) of the value that `path` leads to, or of the deepest part of it that is there. */
  lineOf(path: readonly PropertyKey[]): number;
  /** The first name that an object has twice, of which JSON.parse keeps the last. */
  readonly repeated: { readonly name: string; readonly line: number } | undefined;
}

export function jsonPlaces(text: string): JsonPlaces {
  const lines = new Map<string, number>();
  const open: Open[] = [];
  let repeated: JsonPlaces['repeated'];
  let wantsName = false;
  let line = 1;
  let seen = 0;
  const note = (): void => {
    const key = keyOf(open.map(({ at }) => at));
    if (!lines.has(key)) lines.set(key, line);
  };
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    line += text.slice(seen, index).split('\n').length - 1;
    seen = index;
    const top = open.at(-1);
    if (token === '}' || token === ']') {
      open.pop();
      wantsName = false;
    } else if (token === ',') {
      if (top?.isArray) top.at = Number(top.at) + 1;
      else wantsName = true;
    } else if (token === ':') wantsName = false;
    else if (wantsName && top) {
      const name = JSON.parse(token) as string;
      if (top.names.has(name)) repeated ??= { name, line };
      top.names.add(name);
      top.at = name;
      note();
    } else {
      if (top?.isArray !== false) note();
      if (token === '{' || token === '[') {
        open.push({ isArray: token === '[', at: token === '[' ? 0 : '', names: new Set() });
        wantsName = token === '{';
      }
    }
  }
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

function keyOf(path: readonly PropertyKey[]): string {
  return JSON.stringify(path.map(String));
}
