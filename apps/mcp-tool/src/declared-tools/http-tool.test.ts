import { describe, expect, it } from '@jest/globals';
import { HttpToolDefinition } from '@switchyard/contracts';
import { createSafeFetch } from '@switchyard/safe-fetch';
import { httpTool } from './http-tool.ts';

const parts = { fetch: createSafeFetch({}), allowHosts: new Set<string>(), writtenBy: 'operator' } as const;
const kindOf = (method: string, more: object = {}) =>
  httpTool(
    HttpToolDefinition.parse({
      name: 'x',
      provider: 'shop',
      description: 'Does something.',
      http: { method, url: 'https://shop.example/x' },
      ...more,
    }),
    parts,
  );

describe('a tool that is an HTTP call', () => {
  it('is taken for reading only where its method says so, or its author', () => {
    const kinds = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].map((method) => kindOf(method).kind);
    expect(kinds).toEqual(['read', 'read', 'write', 'write', 'write', 'destructive']);
    expect(kindOf('POST', { kind: 'read' }).kind).toBe('read');
    expect(kindOf('POST').idempotency).toBe('none');
  });
});
