import { describe, expect, it } from '@jest/globals';
import { MAX_OPENAPI_TOOLS, withTools } from './openapi-tools.ts';
import { buildOpenApi } from './openapi.ts';
import type { ToolInfo } from '../../tools/tools.ts';

const search: ToolInfo = {
  name: 'books__search',
  description: 'Find books.\nNewest first.',
  provider: 'books',
  kind: 'read',
  idempotency: 'safe',
  inputSchema: {
    type: 'object',
    properties: { words: { $ref: '#/$defs/words' } },
    $defs: { words: { type: 'string' } },
  },
  outputSchema: { type: 'array' },
};
const note: ToolInfo = {
  name: 'note',
  description: 'Note.',
  provider: 'notes',
  kind: 'write',
  idempotency: 'key',
  inputSchema: { type: 'object' },
  requiresApproval: true,
};

describe('the interface with tools', () => {
  const document = withTools(buildOpenApi(), [search, note]);
  const at = (name: string) => document.paths[`/tools/${name}/call`]!['post'] as Record<string, never>;
  const { schemas } = document['components'] as { schemas: Record<string, object> };

  it('has an operation for each tool, by what it takes and gives', () => {
    expect(at('books__search')).toMatchObject({
      operationId: 'call_books__search',
      tags: ['books'],
      summary: 'Find books.',
      requestBody: {
        content: {
          'application/json': {
            schema: { properties: { arguments: { $ref: '#/components/schemas/books__search.arguments' } } },
          },
        },
      },
      responses: {
        200: {
          content: {
            'application/json': {
              schema: {
                allOf: [
                  { $ref: '#/components/schemas/ToolCallAnswer' },
                  { properties: { output: { $ref: '#/components/schemas/books__search.output' } } },
                ],
              },
            },
          },
        },
        429: {},
      },
      'x-switchyard': { kind: 'read', requires_approval: false },
    });
    expect(at('note')).toMatchObject({ 'x-switchyard': { kind: 'write', requires_approval: true } });
    expect(at('note')['parameters']).toMatchObject([{ in: 'header' }]);
  });

  it('has the schemas as the tools have them, each a document of its own', () => {
    expect(schemas['books__search.arguments']).toEqual({
      ...search.inputSchema,
      $id: 'urn:switchyard:tool:books__search:arguments',
    });
    expect(schemas['note.output']).toBeUndefined();
  });

  it('leaves everything else as it is, the document without tools too', () => {
    const plain = buildOpenApi();
    const before = JSON.stringify(plain);
    const { paths } = withTools(plain, [search]);
    expect(JSON.stringify(plain)).toBe(before);
    expect(paths['/runs']).toEqual(plain.paths['/runs']);
  });

  it('is bounded, and says where tools are missing', () => {
    const many = Array.from({ length: MAX_OPENAPI_TOOLS + 1 }, (_, i) => ({ ...note, name: `note${i}` }));
    expect(withTools(buildOpenApi(), many)['x-switchyard-tools']).toEqual({
      shown: MAX_OPENAPI_TOOLS,
      complete: false,
    });
    const large = Array.from({ length: 30 }, (_, i) => ({
      ...search,
      name: `l${i}`,
      inputSchema: { x: 'x'.repeat(300_000) },
    }));
    const { shown, complete } = withTools(buildOpenApi(), large)['x-switchyard-tools'] as {
      shown: number;
      complete: boolean;
    };
    expect({ few: shown < 20, complete }).toEqual({ few: true, complete: false });
  });
});
