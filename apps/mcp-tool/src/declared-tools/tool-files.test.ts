import { describe, expect, it } from '@jest/globals';
import { createSafeFetch } from '@switchyard/safe-fetch';
import { httpTool } from './http-tool.ts';
import { parseToolFile } from './tool-files.ts';

const parts = { fetch: createSafeFetch({}), allowHosts: new Set<string>(), writtenBy: 'operator' as const };
const parse = (text: string, name = 'books.yaml') =>
  parseToolFile(name, text, (definition) => httpTool(definition, parts));
const linesOf = (text: string, name?: string) => {
  const parsed = parse(text, name);
  return parsed.ok ? [] : parsed.problems.map(({ line, message }) => `${line} ${message}`);
};

const GOOD = `provider: books
tools:
  - name: search
    description: Find books.
    http: { url: 'https://books.example/' }
  - name: lend
    description: Lend one.
    http:
      url: https://books.example/{id}
    input: { type: object, properties: { id: { type: string } } }
`;

describe('a file of tools', () => {
  it('gives its tools, and where each of them begins', () => {
    const parsed = parse(GOOD);
    expect(parsed.ok && [...parsed.lines]).toEqual([
      ['books__search', 3],
      ['books__lend', 6],
    ]);
    expect(parse('')).toMatchObject({ ok: true, tools: [] });
  });

  it('tells the mistakes of the file and of each of its tools at once, in the order of its lines', () => {
    const wrong = `provider: Books Store
tols: [x]
tools:
  - nme: search
    description: Find books.
    http:
      url: http://{host}/x
      method: FETCH
  - name: lend
    description: Lend one.
    timeout_ms: soon
    http: { url: 'https://books.example/', headers: { Host: x } }
  - name: ask
    description: Ask one.
    http:
      url: https://books.example/{id}
      query:
        q: '{words}'
`;
    expect(linesOf(wrong)).toEqual([
      expect.stringMatching(/^1 provider: 1 to 32 small letters/),
      '2 tols: there is no such field',
      '4 name: it is missing',
      '4 nme: there is no such field',
      expect.stringMatching(/^7 http\.url: http\(s\)/),
      expect.stringMatching(/^8 http\.method: expected one of "GET"/),
      '11 timeout_ms: expected number, received string',
      '16 http.url: "id" is not among the properties of input',
      '18 http.query.q: "words" is not among the properties of input',
    ]);
  });

  it('says in its own place that a name comes twice, that there is no provider, and what is no YAML', () => {
    expect(linesOf(GOOD.replace('lend', 'search'))).toEqual(['6 name: there are two tools called "books__search"']);
    expect(linesOf(GOOD.replace('provider: books\n', ''), 'My books.yaml')).toEqual([
      '1 provider: name it: that of the file cannot be one',
    ]);
    expect(linesOf('tools: [')).toEqual([expect.stringMatching(/^1 /)]);
    expect(linesOf('a: 1\n---\nb: 1\n')).toEqual(['2 a file holds one document']);
    expect(linesOf('hello')).toEqual(['1 the file: expected object, received string']);
    expect(linesOf('tools:\n  - hello\n')).toEqual(['2 tools.0: expected object, received string']);
  });
});
