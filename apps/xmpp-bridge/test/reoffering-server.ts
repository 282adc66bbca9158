import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { type Client, FEATURES as F, type Script } from './hostile-server.ts';

/*
 * The server of the failure that older AZTM clients know: it offers channel binding and refuses every type of it, lets the
 * account in by plain SCRAM, and asks for TLS again on the stream that it encrypted itself.
 */

const SCRAM = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1'];
const MECHANISMS = [...SCRAM.map((name) => `${name}-PLUS`), ...SCRAM, 'X-OAUTH2'];
const TYPES =
  "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>";
const SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const decoded = (text: string): string =>
  Buffer.from(/<(?:auth|response)[^>]*>([^<]+)</.exec(text)?.[1] ?? '', 'base64').toString();

/** How TLS is asked for again. */
export type Again = 'features' | 'new stream' | 'stream error' | 'never';

/** The words for it: as the RFC has them, or as some logs and proxies write them. */
const ASKS = {
  starttls: { feature: F.starttls, text: 'Use of STARTTLS required' },
  handshake: {
    feature: "<handshake xmlns='urn:ietf:params:xml:ns:transport-tls'><required/></handshake>",
    text: 'Use of handshake required',
  },
} as const;

export function reoffering(
  password: string,
  again: Again,
  words: keyof typeof ASKS = 'starttls',
  announces = true,
): Script {
  const logins = new WeakMap<Client, { hash: string; first: string }>();
  const asks = ASKS[words];

  const authenticate = (client: Client, text: string): void => {
    const mechanism = /mechanism="([^"]+)"/.exec(text)?.[1] ?? '';
    if (mechanism.endsWith('-PLUS')) return client.write(F.failure('not-authorized', 'Invalid channel binding'));
    const hash = { 'SCRAM-SHA-512': 'sha512', 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-1': 'sha1' }[mechanism] ?? '';
    const bare = decoded(text).replace(/^[ny],,/, '');
    const nonce = /r=([^,]+)/.exec(bare)?.[1] ?? '';
    const challenge = `r=${nonce}SERVER,s=${base64('salt')},i=4096`;
    logins.set(client, { hash, first: `${bare},${challenge}` });
    client.write(`<challenge ${SASL}>${base64(challenge)}</challenge>`);
  };

  const prove = (client: Client, text: string): void => {
    const { hash, first } = logins.get(client)!;
    const [withoutProof = '', proof = ''] = decoded(text).split(/,p=/);
    const message = `${first},${withoutProof}`;
    const hmac = (key: Buffer, of: string): Buffer => createHmac(hash, key).update(of).digest();
    const salted = pbkdf2Sync(password, 'salt', 4_096, createHash(hash).digest().length, hash);
    const clientKey = hmac(salted, 'Client Key');
    const signature = hmac(createHash(hash).update(clientKey).digest(), message);
    const expected = Buffer.from(clientKey.map((byte, n) => byte ^ signature[n]!)).toString('base64');
    if (proof !== expected) return client.write(F.failure('not-authorized'));
    client.write(F.success(`v=${hmac(hmac(salted, 'Server Key'), message).toString('base64')}`));
  };

  const bind = (client: Client, text: string): void => {
    const error = F.streamError('policy-violation', asks.text);
    if (again === 'stream error') return client.write(error);
    if (again === 'new stream') return client.write(`${F.open('y')}${F.of(asks.feature)}${error}</stream:stream>`);
    const id = /id="([^"]+)"/.exec(text)?.[1] ?? '';
    if (text.includes('xmpp-bind'))
      client.write(`<iq type='result' id='${id}'>${F.bind.replace('/>', '>')}<jid>ada@xmpp.test/d</jid></bind></iq>`);
    else client.write(`<iq type='result' id='${id}'/>`);
  };

  return {
    onText: (text, client) => {
      if (text.includes('<stream:stream')) {
        if (!client.tls) return client.write(F.open() + F.of(F.starttls));
        if (client.round === 2)
          return client.write(F.open() + F.of(F.sasl(...MECHANISMS), ...(announces ? [TYPES] : [])));
        return client.write(F.open() + (again === 'features' ? F.of(asks.feature) : F.of(F.bind)));
      }
      if (text.includes('<starttls')) {
        client.write(F.proceed);
        return client.secure();
      }
      if (text.includes('<auth')) return authenticate(client, text);
      if (text.includes('<response')) return prove(client, text);
      for (const { 0: iq } of text.matchAll(/<iq [^>]*\/>|<iq .*?<\/iq>/gs)) bind(client, iq);
    },
  };
}
