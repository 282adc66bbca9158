import { describe, expect, it } from '@jest/globals';
import { decodePageCursor, encodePageCursor } from './page-cursor.ts';

describe('page cursor', () => {
  it('comes back as the key that went in, within the 200 characters of the contract', () => {
    const key = { ts: 1_700_000_000_123, id: `${'r'.repeat(64)}:2147483647` };
    const cursor = encodePageCursor(key);
    expect(cursor.length).toBeLessThanOrEqual(200);
    expect(decodePageCursor(cursor)).toEqual(key);
  });

  it.each([
    '',
    'x',
    'null',
    '!!!',
    Buffer.from('[1,"a","b"]').toString('base64url'),
    Buffer.from('{}').toString('base64url'),
  ])('is refused where it was not handed out: %j', (cursor) => {
    expect(() => decodePageCursor(cursor)).toThrow(expect.objectContaining({ code: 'invalid_cursor' }));
  });
});
