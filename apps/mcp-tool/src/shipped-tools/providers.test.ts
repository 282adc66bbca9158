import { describe, expect, it } from '@jest/globals';
import { systemClock, createLogger } from '@switchyard/platform';
import { fc } from '@switchyard/testing/property';
import { encodedWords, messageText, rawMessage } from './gmail-message.ts';
import { openAuthorisations, type OpeningParts } from '../open-authorisations.ts';
import { shippedProviders } from './providers.ts';
import { inOAuth } from '../oauth/slack-dialect.ts';
import { idOf } from './google-calendar.ts';
import { uuidOf } from './slack.ts';

const none = { clientId: undefined, clientSecret: undefined, url: undefined };
const both = { clientId: 'id', clientSecret: 'secret', url: undefined };

describe('the providers that ship', () => {
  it('ask Google and Slack themselves, over https, with PKCE and the scopes of their own tools alone', () => {
    const { configured, notSetUp } = shippedProviders({ google: both, slack: both });
    expect(notSetUp).toEqual([]);
    expect(configured.map(({ id, issuer }) => [id, issuer])).toEqual([
      ['gmail', 'https://accounts.google.com'],
      ['google_calendar', 'https://accounts.google.com'],
      ['slack', 'https://slack.com'],
    ]);
    for (const { endpoints } of configured) {
      expect(endpoints).toMatchObject({ pkce: 'S256' });
      for (const url of [endpoints!.authorization, endpoints!.token, endpoints!.revocation!])
        expect(new URL(url).protocol).toBe('https:');
    }
    expect(configured[1]!.scopes).toEqual(['https://www.googleapis.com/auth/calendar.events']);
  });

  it('are not set up by half a client', () => {
    const { configured, notSetUp } = shippedProviders({ google: { ...both, clientSecret: undefined }, slack: none });
    expect(configured).toEqual([]);
    expect(notSetUp.map(({ why }) => why.split('. ')[0])).toEqual([
      'Gmail is not set up here: GOOGLE_CLIENT_SECRET is not set',
      'Google Calendar is not set up here: GOOGLE_CLIENT_SECRET is not set',
      'Slack is not set up here: SLACK_CLIENT_ID and SLACK_CLIENT_SECRET are not set',
    ]);
  });

  it('end the start where there is no key to seal their tokens with', async () => {
    const config = { shipped: { google: both, slack: none }, providersFile: undefined, keys: [], keysFile: undefined };
    const log = createLogger({ app: 'test', level: 'silent' });
    const parts = { clock: systemClock, log, lifecycle: { onStop: () => undefined }, read: () => undefined };
    const rest = { route: { serviceMap: new Map(), overXmpp: () => Promise.reject(new Error('none')) } };
    const opening = openAuthorisations(
      { ...config, publicUrl: 'http://127.0.0.1:8000', allowHosts: [], lookEveryMs: 1_000 },
      { ...parts, ...rest } as unknown as OpeningParts,
    );
    await expect(opening).rejects.toThrow(/VAULT_KEYS/);
  });
});

describe('what Slack says', () => {
  it('is told in the words of OAuth, whatever it is, and a token of a bot is none of a user', () => {
    expect(inOAuth({ ok: false, error: 'invalid_refresh_token' })).toEqual({
      status: 400,
      body: { error: 'invalid_grant' },
    });
    expect(inOAuth({ ok: false, error: 'bad_client_secret' })).toEqual({
      status: 400,
      body: { error: 'invalid_client' },
    });
    const user = { access_token: 'xoxp', token_type: 'user', scope: 'a,b' };
    const told = { status: 200, body: { access_token: 'xoxp', token_type: 'bearer', scope: 'a b' } };
    expect(inOAuth({ ok: true, authed_user: user })).toEqual(told);
    expect(inOAuth({ ok: true, ...user })).toEqual(told);
    expect(inOAuth({ ok: true, access_token: 'xoxb', token_type: 'bot' })).toMatchObject({ status: 400 });
    fc.assert(fc.property(fc.jsonValue(), (said) => expect([200, 400]).toContain(inOAuth(said).status)));
  });
});

describe('an e-mail', () => {
  it('says its subject and its text to the letter, in short lines of ASCII, and has no header that a caller wrote', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 300 });
    fc.assert(
      fc.property(text, text, (subject, body) => {
        const message = messageText({ to: ['a@x.example'], subject, body });
        expect(message).toMatch(/^[\x20-\x7e\r\n]*$/);
        const [head, rest] = [
          message.slice(0, message.indexOf('\r\n\r\n')),
          message.slice(message.indexOf('\r\n\r\n') + 4),
        ];
        const names = head
          .replace(/\r\n /g, ' ')
          .split('\r\n')
          .map((line) => line.split(':')[0]);
        expect(names).toEqual(['To', 'Subject', 'MIME-Version', 'Content-Type', 'Content-Transfer-Encoding']);
        expect(Buffer.from(rest, 'base64').toString('utf8').replaceAll('\r\n', '\n')).toBe(
          body.replace(/\r\n?/g, '\n'),
        );
        for (const line of rest.split('\r\n')) expect(line.length).toBeLessThanOrEqual(76);
      }),
    );
  });

  it('has a subject that readers put together again', () => {
    const words = encodedWords('Grüße an alle 🎉 '.repeat(8)).split('\r\n ');
    for (const word of words) expect(word.length).toBeLessThanOrEqual(75);
    const read = words.map((word) => Buffer.from(word.slice(10, -2), 'base64').toString('utf8')).join('');
    expect(read).toBe('Grüße an alle 🎉 '.repeat(8));
  });

  it('names messages alone that are named as messages are', () => {
    const raw = rawMessage({ to: ['a@x.example'], subject: 's', body: 'b', inReplyTo: '<a@b>\r\nBcc: evil@x.example' });
    expect(Buffer.from(raw, 'base64url').toString()).toContain('In-Reply-To: <a@b>\r\nReferences: <a@b>\r\nMIME');
  });
});

it('ids that follow from a key are of the form that Google and Slack take, and others for other keys', () => {
  expect(idOf(['acme', 'ann', 'primary', 'k'])).toMatch(/^[a-v0-9]{5,1024}$/);
  expect(idOf(['acme', 'ann', 'primary', 'k'])).not.toBe(idOf(['acme', 'bob', 'primary', 'k']));
  expect(uuidOf(['a', 'b'])).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
});
