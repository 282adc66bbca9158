import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { jsonMistake } from './json-text.ts';
import { inOrder, matchesHost, parseHostPattern } from './host-pattern.ts';
import { completeServiceMap, mappedJid, parseServiceMap, routeByServiceMap, withoutFallback } from './service-map.ts';

const jid = 'agent@xmpp.example';

describe('parseServiceMap', () => {
  it('refuses a host that comes twice, of which JSON would keep the last', () => {
    expect(() => parseServiceMap('{"a.test": "x@y.test",\n "a.test": "z@y.test"}')).toThrow(
      'SERVICE_MAP: "a.test" comes twice, again in line 2 (nothing was loaded).',
    );
  });

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

  it('holds for an address in every way of writing it: hex, octal, short, in IPv6, with dots at the end', () => {
    const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
    const notation = fc.constantFrom<(n: number) => string>(
      (n) => String(n),
      (n) => `0x${n.toString(16)}`,
      (n) => `0X${n.toString(16).toUpperCase()}`,
      (n) => `0${n.toString(8)}`,
    );
    const spelling = fc.oneof(
      fc
        .tuple(notation, notation, notation, notation)
        .map((as) => (ip: readonly number[]) => ip.map((n, at) => as[at]!(n)).join('.')),
      notation.map((as) => (ip: readonly number[]) => as(ip.reduce((all, n) => all * 256 + n, 0))),
      notation.map(
        (as) =>
          ([a, b, c, d]: readonly number[]) =>
            `${a}.${b}.${as(c! * 256 + d!)}`,
      ),
      fc
        .constantFrom('::ffff:', '0:0:0:0:0:FFFF:', '::ffff:0:', '64:ff9b::', '64:ff9b:1::')
        .map((prefix) => (ip: readonly number[]) => `[${prefix}${ip.join('.')}]`),
      fc.constantFrom('::ffff:', '64:ff9b::').map(
        (prefix) =>
          ([a, b, c, d]: readonly number[]) =>
            `[${prefix}${(a! * 256 + b!).toString(16)}:${(c! * 256 + d!).toString(16)}]`,
      ),
      fc.constant(
        ([a, b, c, d]: readonly number[]) =>
          `[2002:${(a! * 256 + b!).toString(16)}:${(c! * 256 + d!).toString(16)}::1]`,
      ),
    );
    const dots = fc.constantFrom('', '.');
    fc.assert(
      fc.property(octets, spelling, spelling, dots, (ip, inMap, inUrl, dot) => {
        const [key, host] = [inMap(ip), inUrl(ip)];
        const map = parseServiceMap(JSON.stringify({ [key]: jid, [`${key}:8080`]: 'port@x.y' }));
        const end = host.endsWith(']') ? '' : dot;
        expect(mappedJid(map, new URL(`http://${host}${end}/`))).toBe(jid);
        expect(mappedJid(map, new URL(`http://${host}${end}:8080/`))).toBe('port@x.y');
      }),
    );
  });

  it('keeps apart what are different hosts: no IPv6 address of its own becomes another one’s', () => {
    const map = parseServiceMap(`{"8.8.8.8":"${jid}"}`);
    for (const host of ['[::1]', '[::8.8.8.8]', '[2001:db8::808:808]', '[::fffe:808:808]', '8.8.8.9', '[fe80::1]'])
      expect([host, mappedJid(map, new URL(`http://${host}/`))]).toEqual([host, undefined]);
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

describe('patterns', () => {
  const map = parseServiceMap(
    JSON.stringify({
      '*': 'any@x.y',
      '*agent*': 'mid@x.y',
      'pre*': 'pre@x.y',
      '*.local': 'suffix@x.y',
      '*.deep.local': 'deeper@x.y',
      '*:8080': 'port@x.y',
      'named.local': 'host@x.y',
      'named.local:8080': 'full@x.y',
    }),
  );

  it.each([
    ['http://named.local:8080/', 'full@x.y'],
    ['http://named.local/', 'host@x.y'],
    ['http://other.local:8080/', 'port@x.y'],
    ['http://other.local/', 'suffix@x.y'],
    ['http://a.deep.local/', 'deeper@x.y'],
    ['http://prefix.example/', 'pre@x.y'],
    ['http://PREFIX.example./', 'pre@x.y'],
    ['http://my-agent-1.example/', 'mid@x.y'],
    ['http://else.example/', 'any@x.y'],
  ])('come after host:port and host, in the documented order, wherever they stand in the map: %s', (url, expected) => {
    expect(mappedJid(map, new URL(url))).toBe(expected);
  });

  it.each(['a*b', '**', 'a**', '*:0', '*:99999', '*.bücher', '*/x', '*@x', '* ', '*:port', 'pre*:'])(
    'are refused where nobody can say what they mean: %j',
    (text) => {
      expect(() => parseServiceMap(JSON.stringify({ [text]: jid }))).toThrow('or one of the patterns');
    },
  );

  it('that mean the same are refused as a host that is named twice', () => {
    expect(() => parseServiceMap(`{"*.Local":"${jid}","*.local":"${jid}"}`)).toThrow('names the same host');
    expect(() => parseServiceMap(`{"*:80":"${jid}","*:080":"${jid}"}`)).toThrow('names the same host');
  });

  it('match what they say, and nothing else', () => {
    const host = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,20}$/);
    fc.assert(
      fc.property(
        host,
        host,
        fc.constantFrom('*P', 'P*', '*P*'),
        fc.option(fc.constantFrom('80', '8080')),
        (...given) => {
          const [name, part, shape, port] = given;
          const pattern = parseHostPattern(shape.replace('P', part) + (port === null ? '' : `:${port}`))!;
          const byHand =
            shape === '*P' ? name.endsWith(part) : shape === 'P*' ? name.startsWith(part) : name.includes(part);
          expect(matchesHost(pattern, name, '8080')).toBe(byHand && (port === null || port === '8080'));
        },
      ),
    );
  });

  it('are tried in an order that does not depend on the map’s', () => {
    const text = fc.constantFrom('*', '*:1', '*.a', '*.ba', 'a*', 'ab*', '*c*', '*.a:1', 'a*:1', '*:2');
    fc.assert(
      fc.property(fc.uniqueArray(text, { minLength: 2 }), (texts) => {
        const order = (list: string[]) => inOrder(list.map((each) => parseHostPattern(each)!)).map((each) => each.text);
        const sameRank = (list: string[]) => list.filter((each) => each !== '*:1' && each !== '*:2');
        expect(sameRank(order(texts))).toEqual(sameRank(order([...texts].reverse())));
      }),
    );
  });
});

describe('what AZTM_DEFAULT_SERVICE and AZTM_LOCALHOST_SERVICE add', () => {
  const url = (host: string) => new URL(`http://${host}/`);

  it('comes after what the map says itself', () => {
    const own = parseServiceMap('{"a.example":"aztm:a@x.y","localhost":"own@x.y"}');
    const map = completeServiceMap(own, { fallback: 'aztm:rest@x.y', localhost: 'local@x.y' });
    expect(mappedJid(map, url('a.example'))).toBe('a@x.y');
    expect(mappedJid(map, url('localhost'))).toBe('own@x.y');
    expect(mappedJid(map, url('127.0.0.1:9'))).toBe('local@x.y');
    expect(mappedJid(map, url('[::1]:9'))).toBe('local@x.y');
    expect(mappedJid(map, url('b.example'))).toBe('rest@x.y');
    expect([...map.aztm!].sort()).toEqual(['a@x.y', 'rest@x.y']);
  });

  it('is nothing where neither is set, and the rest can be left out again', () => {
    expect(completeServiceMap(new Map(), {}).size).toBe(0);
    const map = withoutFallback(completeServiceMap(parseServiceMap('{"a.example":"a@x.y"}'), { fallback: 'rest@x.y' }));
    expect(mappedJid(map, url('b.example'))).toBeUndefined();
    expect(mappedJid(map, url('a.example'))).toBe('a@x.y');
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

  it('survives depth', () => expect(jsonMistake('['.repeat(200_000))).toMatchObject({ expected: 'fewer levels' }));
});
