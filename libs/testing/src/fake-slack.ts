import { type Answer, type Asked, bearerOf, FAKE_CLIENT, FakeGrants, listen, type Listening } from './fake-oauth.ts';

/* Slack as its documents describe it: it says 200 with `ok: false` where others refuse, and has user tokens. */

export interface FakeSlack extends Listening {
  readonly grants: FakeGrants;
  readonly channels: { id: string; name: string; is_member: boolean; num_members: number }[];
  readonly messages: { ts: string; user: string; text: string; channel: string; client_msg_id?: string }[];
  readonly next: (Answer | 'lost')[];
}

const NEEDS: Readonly<Record<string, string>> = {
  'conversations.list': 'channels:read',
  'conversations.history': 'channels:history',
  'search.messages': 'search:read',
  'chat.postMessage': 'chat:write',
};
const no = (error: string, more: object = {}): Answer => ({ body: { ok: false, error, ...more } });

export async function startFakeSlack(): Promise<FakeSlack> {
  const grants = new FakeGrants();
  const channels: FakeSlack['channels'] = [];
  const messages: FakeSlack['messages'] = [];
  const next: FakeSlack['next'] = [];

  const token = ({ body }: Asked): Answer => {
    const form = new URLSearchParams(body);
    if (form.get('client_id') !== FAKE_CLIENT.id) return no('invalid_client_id');
    if (form.get('client_secret') !== FAKE_CLIENT.secret) return no('bad_client_secret');
    const isRenewal = form.get('grant_type') === 'refresh_token';
    const old = form.get('refresh_token') ?? '';
    const scopes = isRenewal ? grants.refresh.get(old) : grants.redeem(form);
    if (!scopes) return no(isRenewal ? 'invalid_refresh_token' : 'invalid_code');
    grants.refresh.delete(old);
    const user = {
      access_token: grants.issue('xoxe.xoxp-', scopes),
      token_type: 'user',
      scope: scopes.join(','),
      expires_in: 43_200,
      refresh_token: grants.renewable('xoxe-1-', scopes),
    };
    return { body: { ok: true, app_id: 'A1', team: { id: 'T1' }, authed_user: { id: 'U1', ...user } } };
  };
  const revoke = ({ body }: Asked): Answer => {
    const given = new URLSearchParams(body).get('token') ?? '';
    if (!grants.access.delete(given) && !grants.refresh.delete(given)) return no('invalid_auth');
    return { body: { ok: true, revoked: true } };
  };
  const method = (asked: Asked): Answer => {
    const name = asked.url.pathname.replace('/api/', '');
    const scopes = grants.access.get(bearerOf(asked));
    if (!scopes) return no('token_expired');
    const needed = NEEDS[name];
    if (needed === undefined) return no('unknown_method');
    if (!scopes.includes(needed)) return no('missing_scope', { needed, provided: scopes.join(',') });
    const query = asked.url.searchParams;
    if (name === 'conversations.list') {
      const start = Number(query.get('cursor') ?? 0);
      const most = Number(query.get('limit') ?? 100);
      const after = start + most < channels.length ? String(start + most) : '';
      return {
        body: {
          ok: true,
          channels: channels.slice(start, start + most),
          response_metadata: { next_cursor: after },
        },
      };
    }
    if (name === 'search.messages') {
      const matches = messages
        .filter(({ text }) => text.includes(query.get('query') ?? ''))
        .map(({ channel, ...message }) => ({
          ...message,
          channel: { id: channel, name: 'general' },
          permalink: 'https://p',
        }));
      return { body: { ok: true, messages: { matches, paging: { total: matches.length, pages: 1 } } } };
    }
    const given = name === 'chat.postMessage' ? (JSON.parse(asked.body) as Record<string, string>) : {};
    const channel = given['channel'] ?? query.get('channel') ?? '';
    if (!channels.some(({ id }) => id === channel)) return no('channel_not_found');
    if (name === 'conversations.history') {
      const found = messages.filter((message) => message.channel === channel);
      return { body: { ok: true, messages: found.slice(0, Number(query.get('limit'))), has_more: false } };
    }
    const id = given['client_msg_id'];
    const before = messages.find(({ client_msg_id }) => id !== undefined && client_msg_id === id);
    const ts = before?.ts ?? `17000000${String(10 + messages.length)}.000100`;
    if (!before)
      messages.push({ ts, user: 'U1', text: given['text'] ?? '', channel, ...(id ? { client_msg_id: id } : {}) });
    return { body: { ok: true, channel, ts, message: { text: given['text'] } } };
  };

  const { url, asked, close } = await listen((one) => {
    const { pathname } = one.url;
    if (pathname === '/oauth/v2_user/authorize') return { status: 302, headers: { location: grants.consent(one.url) } };
    if (pathname === '/api/oauth.v2.user.access') return token(one);
    if (pathname === '/api/auth.revoke') return revoke(one);
    const instead = next.shift();
    if (instead === 'lost') method(one);
    return instead === 'lost' ? 'hang up' : (instead ?? method(one));
  });
  return { url, asked, close, grants, channels, messages, next };
}
