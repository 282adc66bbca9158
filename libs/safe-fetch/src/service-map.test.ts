import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jsonMistake } from './json-mistake.ts';
import { mappedJid, parseServiceMap, routeByServiceMap } from './service-map.ts';

const jid = 'agent@xmpp.example';

describe('parseServiceMap', () => {
  it('an empty text is an empty map', () => expect(parseServiceMap(' \n').size).toBe(0));

  it('takes host:port before host', () => {
    const map = parseServiceMap(`{"a.example":"any@x.y","a.example:8443":"${jid}/res"}`);
    expect(mappedJid(map, new URL('https://a.example:8443/p'))).toBe(`${jid}/res`);
    expect(mappedJid(map, new URL('https://a.example/'))).toBe('any@x.y');
    expect(mappedJid(map, new URL('https://b.example/'))).toBeUndefined();
  });

  it('knows which entries speak the messages of the Python library', () => {
    const map = parseServiceMap(`{"a.example":"aztm:old@x.y","b.example":"${jid}"}`);
    expect(mappedJid(map, new URL('https://a.example/'))).toBe('old@x.y');
    expect([...(map.aztm ?? [])]).toEqual(['old@x.y']);
  });

  it.each([
    ['A.Example', 'https://a.example/'],
    ['a.example', 'https://a.example./'],
    ['a.example.', 'https://a.example/'],
    ['a.example:443', 'https://A.EXAMPLE/'],
    ['bücher.example', 'https://bücher.example/'],
    ['bücher.example', 'https://xn--bcher-kva.example/'],
    ['127.1:80', 'http://127.0.0.1/'],
    ['[::1]:8080', 'http://[0:0::1]:8080/'],
    ['[::1]', 'http://[::1]/'],
  ])('an entry %s holds for %s: no other spelling slips past', (host, url) => {
    const map = parseServiceMap(JSON.stringify({ [host]: jid }));
    expect(routeByServiceMap(map)(new URL(url))).toEqual({ via: 'xmpp', jid });
  });

  it.each([
    ['{"a":}', 'line 1, column 6: expected a value'],
    ['{"a":"b@c",}', 'line 1, column 12: expected a name in double quotes'],
    ['{\n  "a": "b@c"\n  "d": "e@f"\n}', 'line 3, column 3: expected "," or "}"'],
    ["{'a':'b@c'}", 'line 1, column 2: expected a name in double quotes or "}"'],
    ['{"a" "b"}', 'line 1, column 6: expected ":"'],
    ['{"a":"b@c"} x', 'line 1, column 13: expected the end of the text'],
    ['{"a":"b@c"', 'line 1, column 11: expected "," or "}"'],
  ])('says where %j is wrong', (text, where) => {
    expect(() => parseServiceMap(text)).toThrow(`SERVICE_MAP: not valid JSON at ${where} (nothing was loaded).`);
  });

  it.each([
    ['[]', 'expected record'],
    ['{"a":1}', 'a: '],
    ['{"a":"no jid"}', 'expected a JID'],
    [`{"https://a.example/":"${jid}"}`, 'expected host or host:port'],
    [`{"a/b":"${jid}"}`, 'expected host or host:port'],
    [`{"u@a":"${jid}"}`, 'expected host or host:port'],
    [`{"a:99999":"${jid}"}`, 'expected host or host:port'],
    [`{"a.example":"${jid}","A.example":"${jid}"}`, 'names the same host'],
  ])('refuses %s whole, and says why', (text, why) => {
    expect(() => parseServiceMap(text)).toThrow(why);
    expect(() => parseServiceMap(text)).toThrow(expect.objectContaining({ code: 'invalid_input' }));
  });
});

describe('jsonMistake', () => {
  const isJson = (text: string) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };

  it('finds none in what JSON.parse takes', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(2), (text, indent) =>
        expect(jsonMistake(JSON.stringify(JSON.parse(text), null, indent))).toBeUndefined(),
      ),
    );
  });

  it('agrees with JSON.parse on texts that were damaged anywhere', () => {
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 3 }),
        fc.nat(),
        fc.constantFrom('', ',', '"', '{', '}', ']', ':', '1', '\\', 'e', '-', '\n', 'é'),
        (text, at, put) => {
          const index = at % (text.length + 1);
          const damaged = text.slice(0, index) + put + text.slice(index + 1);
          expect(jsonMistake(damaged) === undefined).toBe(isJson(damaged));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('survives depth', () => expect(jsonMistake('['.repeat(200_000))).toMatchObject({ expected: 'a value' }));
});
