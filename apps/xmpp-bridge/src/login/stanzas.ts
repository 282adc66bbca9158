import { type Element, xml } from '@xmpp/client';

/* The elements of a login (RFC 6120, XEP-0440). Pure. */

export const NS = {
  streams: 'http://etherx.jabber.org/streams',
  streamErrors: 'urn:ietf:params:xml:ns:xmpp-streams',
  stanzaErrors: 'urn:ietf:params:xml:ns:xmpp-stanzas',
  tls: 'urn:ietf:params:xml:ns:xmpp-tls',
  sasl: 'urn:ietf:params:xml:ns:xmpp-sasl',
  saslBinding: 'urn:xmpp:sasl-cb:0',
  bind: 'urn:ietf:params:xml:ns:xmpp-bind',
} as const;

const encoded = (text: string): string => (text === '' ? '=' : Buffer.from(text, 'utf8').toString('base64'));

/** The first element child other than <text/>: the defined condition of an error. */
function conditionOf(error: Element | undefined): string {
  const child = error?.getChildElements().find((each) => each.getName() !== 'text');
  return child?.getName() ?? 'undefined-condition';
}

export const stanzas = {
  /** The header that opens a stream; its end tag closes it. */
  header: (domain: string) => {
    const opened = xml('stream:stream', {
      to: domain,
      version: '1.0',
      xmlns: 'jabber:client',
      'xmlns:stream': NS.streams,
    }).toString();
    return `<?xml version='1.0'?>${opened.replace(/\/>$/, '>')}`;
  },
  starttls: () => xml('starttls', { xmlns: NS.tls }),
  auth: (mechanism: string, initial: string) => xml('auth', { xmlns: NS.sasl, mechanism }, encoded(initial)),
  response: (text: string) => xml('response', { xmlns: NS.sasl }, encoded(text)),
  /** RFC 4616: no authorisation identity, the user, the password. */
  plain: (user: string, password: string) =>
    xml('auth', { xmlns: NS.sasl, mechanism: 'PLAIN' }, encoded(`\0${user}\0${password}`)),
  bind: (id: string, resource: string) =>
    xml('iq', { type: 'set', id }, xml('bind', { xmlns: NS.bind }, xml('resource', {}, resource))),
  /** STARTTLS among the features of a stream, also under the names that proxies give it. */
  asksForTls: (features: Element) =>
    features
      .getChildElements()
      .some(
        (feature) => /^(starttls|handshake)$/.test(feature.getName()) || /[:-]tls$/.test(feature.attrs['xmlns'] ?? ''),
      ),
  decoded: (element: Element) => Buffer.from(element.text(), 'base64').toString('utf8'),
  saslOffer: (features: Element) => ({
    mechanisms: textsOf(features.getChild('mechanisms', NS.sasl), 'mechanism'),
    bindingTypes: (features.getChild('sasl-channel-binding', NS.saslBinding)?.getChildren('channel-binding') ?? [])
      .map(({ attrs }) => attrs['type'] ?? '')
      .slice(0, 32),
  }),
  failureOf: (failure: Element) => ({ condition: conditionOf(failure), text: failure.getChildText('text') ?? '' }),
  conditionOf,
};

function textsOf(parent: Element | undefined, name: string): string[] {
  return (parent?.getChildren(name) ?? []).map((child) => child.text()).slice(0, 64);
}
