import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { decodedPath, encodedPath } from './aztm-path.ts';

describe('a path in a message of urn:aztm:v1', () => {
  it.each([
    ['/runs/a%20b', '/runs/a b'],
    ['/runs/a%23b', '/runs/a#b'],
    ['/runs/a%3Fb', '/runs/a?b'],
    ['/runs/a%2541', '/runs/a%41'],
    ['/items/caf%C3%A9%20au%20lait', '/items/café au lait'],
    ['/a2a/x-1_2.3~:@!$&()*+,;=', '/a2a/x-1_2.3~:@!$&()*+,;='],
  ])('%s is the text %s there, and back', (path, text) => {
    expect(decodedPath(path)).toBe(text);
    expect(encodedPath(text, [])).toBe(path);
  });

  it('any text comes back as it was, and is written as HTTP can carry it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const path = encodedPath(`/${text}`, [])!;
        expect(path).toMatch(/^\/[\x21\x24-\x3b\x3d\x40-\x5a\x5f\x61-\x7a\x7e]*$/);
        expect(decodedPath(path)).toBe(`/${text}`);
      }),
    );
  });

  it('of the hook for requests, which sends it encoded, is taken as it is where it can be', () => {
    const headers = [['user-agent', 'python-requests/2.32.0']] as const;
    expect(encodedPath('/items/caf%C3%A9', headers)).toBe('/items/caf%C3%A9');
    expect(encodedPath('/items/100%', headers)).toBe('/items/100%25');
    expect(encodedPath('/items/café', headers)).toBe('/items/caf%C3%A9');
  });

  it('that stands for no text is refused', () => {
    expect(() => decodedPath('/a%FF')).toThrow(expect.objectContaining({ status: 400 }));
    expect(encodedPath('/\ud800', [])).toBeUndefined();
  });
});
