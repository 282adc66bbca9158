import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { type Element, xml } from '@xmpp/client';

/*
 * What this service relies on in xmpp.js, so that another version of it is not taken without notice. The whole surface
 * is in src/xmpp.d.ts: the parser, and the builder of elements. Its client, its SASL, its TLS, its
 * IQ caller and its reconnect are not used.
 */

const root = new URL('../../../', import.meta.url);
const json = (path: string) =>
  JSON.parse(readFileSync(new URL(path, root), 'utf8')) as {
    version?: string;
    dependencies?: Record<string, string>;
    packages?: Record<string, { version?: string }>;
  };

/** Everything that a parser told, for text in these pieces. */
function told(...pieces: string[]): string[] {
  const parser = new xml.Parser();
  const seen: string[] = [];
  parser.on('start', (element) => seen.push(`start ${element.name}`));
  parser.on('element', (element) => seen.push(`element ${element.toString()}`));
  parser.on('end', (element) => seen.push(`end ${element.name}`));
  parser.on('error', (error) => seen.push(`error ${error.message}`));
  for (const piece of pieces) parser.write(piece);
  return seen;
}
const OPEN =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/** The element that this text is, as the first child of a stream. */
function parsed(text: string): Element {
  let found: Element | undefined;
  const parser = new xml.Parser();
  parser.on('element', (element) => (found ??= element));
  parser.write(OPEN + text);
  if (!found) throw new Error(`no element in ${text}`);
  return found;
}

describe('the pin', () => {
  it('is exact, here and in the lock file, down to the XML library', () => {
    expect(json('apps/xmpp-bridge/package.json').dependencies?.['@xmpp/client']).toBe('0.14.0');
    const { packages = {} } = json('package-lock.json');
    const locked = (name: string) => packages[`node_modules/${name}`]?.version;
    expect([locked('@xmpp/client'), locked('@xmpp/xml'), locked('ltx')]).toEqual(['0.14.0', '0.14.0', '3.1.2']);
    for (const name of ['@xmpp/client', '@xmpp/xml', 'ltx'])
      expect([name, json(`node_modules/${name}/package.json`).version]).toEqual([name, locked(name)]);
  });

  it('is used for nothing else: only the parser and the builder are imported', () => {
    const types = readFileSync(new URL('apps/xmpp-bridge/src/xmpp.d.ts', root), 'utf8');
    const exported = [...types.matchAll(/export (const|interface|type) (\w+)/g)].map(([, , name]) => name);
    expect(exported.sort()).toEqual(['Attributes', 'Element', 'Parser', 'xml']);
  });
});

describe('the parser', () => {
  it('tells the header of a stream, each of its elements whole, and its end', () => {
    expect(told(OPEN, '<a><b>x</b></a><c/>', '</stream:stream>')).toEqual([
      'start stream:stream',
      'element <a><b>x</b></a>',
      'element <c/>',
      'end stream:stream',
    ]);
  });

  it('takes text that is cut anywhere, but for the end of a declaration: stanza-framer.ts gives it none', () => {
    const text = `${OPEN}<a b="x &amp; y">&lt;😀שלום</a>`;
    const whole = told(text);
    const lost = Array.from(text, (_, at) => at).filter(
      (at) => at > 0 && told(text.slice(0, at), text.slice(at)).length === 0,
    );
    expect(lost).toEqual([OPEN.indexOf('?>') + 1]);
    for (let at = OPEN.length; at < text.length; at += 1)
      expect(told(text.slice(0, at), text.slice(at))).toEqual(whole);
  });

  it('reports an element that another one closes, and throws at an entity that is not defined', () => {
    expect(told(OPEN, '<a></b>').at(-1)).toBe('error a must be closed.');
    expect(() => told(OPEN, '<a>&nbsp;</a>')).toThrow();
  });

  it('gives back names, namespaces, attributes and text as they were written', () => {
    const iq = parsed(
      `<iq type='set' id='1'><req xmlns='urn:xmpp:http'><x:y xmlns:x='urn:x'>t</x:y></req><e>&lt;&amp;&gt;&quot;&apos;&#x5d0;</e></iq>`,
    );
    expect([iq.name, iq.getName(), iq.getNS(), iq.attrs['id']]).toEqual(['iq', 'iq', 'jabber:client', '1']);
    const req = iq.getChild('req', 'urn:xmpp:http')!;
    expect([req.is('req', 'urn:xmpp:http'), req.is('req', 'urn:other'), iq.getChild('req', 'urn:other')]).toEqual([
      true,
      false,
      undefined,
    ]);
    expect([req.getChildElements()[0]!.getName(), req.getChildElements()[0]!.getNS()]).toEqual(['y', 'urn:x']);
    expect(iq.getChildText('e')).toBe('<&>"\'א');
    expect(iq.getChildText('none')).toBeNull();
    expect(iq.getChildren('e')).toHaveLength(1);
  });
});

describe('the builder', () => {
  it('escapes what would be markup, in text and in attributes, and leaves the rest', () => {
    const text = `<&>"' ]]> שלום 😀`;
    const built = xml('a', { b: text, none: undefined }, text, undefined, xml('c'));
    expect(built.toString()).not.toMatch(/none|undefined/);
    const back = parsed(built.toString());
    expect([back.attrs['b'], back.text()]).toEqual([text, text]);
    expect(back.getChildElements().map((child) => child.name)).toEqual(['c']);
  });

  it('does not stop characters that XML cannot carry: whoever writes must', () => {
    expect(xml('a', {}, '\u0001').toString()).toBe('<a>\u0001</a>');
  });

  it('takes a namespace as an attribute, or in place of the attributes', () => {
    expect(xml('a', { xmlns: 'urn:x' }).getNS()).toBe('urn:x');
    expect(xml('a', 'urn:x').getNS()).toBe('urn:x');
  });
});
