import { type Answer, type Asked, bearerOf, FAKE_CLIENT, FakeGrants, listen, type Listening } from './fake-oauth.ts';

/*
 * Gmail and Google Calendar as their documents describe them: logins, the endpoints that the tools use, and the refusals
 * in the words of Google.
 */

interface FakeMail {
  readonly id: string;
  readonly threadId: string;
  readonly labelIds: readonly string[];
  readonly snippet: string;
  readonly payload: Record<string, unknown>;
}
type Event = Record<string, unknown> & { id: string; status: string; etag: string };

export interface FakeGoogle extends Listening {
  readonly grants: FakeGrants;
  readonly mails: FakeMail[];
  /** The e-mails that were sent, as text. */
  readonly sent: string[];
  readonly drafts: string[];
  readonly events: Map<string, Event>;
  /** E-mails to guests that Google would have sent. */
  readonly notified: string[];
  /** The next answers of the API, in place of its own; `lost`: the API does the work, and its answer is lost. */
  readonly next: (Answer | 'lost')[];
}

const GMAIL = 'https://www.googleapis.com/auth/gmail.';
const NEEDS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^\/gmail\/v1\/users\/me\/(messages\/send|drafts)$/, [`${GMAIL}compose`, `${GMAIL}send`]],
  [/^\/gmail\/v1\/users\/me\/messages/, [`${GMAIL}readonly`]],
  [/^\/calendar\/v3\//, ['https://www.googleapis.com/auth/calendar.events']],
];

/** An error in the format of Google. */
export function googleRefusal(code: number, reason: string, message: string, more: object = {}): Answer {
  return { status: code, body: { error: { code, message, errors: [{ domain: 'global', reason, message }], ...more } } };
}

export async function startFakeGoogle(): Promise<FakeGoogle> {
  const grants = new FakeGrants();
  const mails: FakeMail[] = [];
  const [sent, drafts, notified]: [string[], string[], string[]] = [[], [], []];
  const events = new Map<string, Event>();
  const next: FakeGoogle['next'] = [];

  const token = (asked: Asked): Answer => {
    const form = new URLSearchParams(asked.body);
    if (form.get('client_id') !== FAKE_CLIENT.id || form.get('client_secret') !== FAKE_CLIENT.secret)
      return { status: 401, body: { error: 'invalid_client', error_description: 'Unauthorized' } };
    const isRenewal = form.get('grant_type') === 'refresh_token';
    const scopes = isRenewal ? grants.refresh.get(form.get('refresh_token') ?? '') : grants.redeem(form);
    if (!scopes)
      return { status: 400, body: { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' } };
    const renewal = isRenewal ? {} : { refresh_token: grants.renewable('1//', scopes) };
    const common = { expires_in: 3599, scope: scopes.join(' '), token_type: 'Bearer' };
    return { body: { access_token: grants.issue('ya29.', scopes), ...common, ...renewal } };
  };
  const revoke = (asked: Asked): Answer => {
    const given = new URLSearchParams(asked.body).get('token') ?? '';
    if (!grants.access.has(given) && !grants.refresh.has(given))
      return { status: 400, body: { error: 'invalid_token', error_description: 'Token expired or revoked' } };
    // Revoking a refresh token revokes its access tokens.
    grants.access.clear();
    grants.refresh.clear();
    return { body: {} };
  };

  const gmail = ({ method, url, body }: Asked): Answer => {
    const path = url.pathname.replace('/gmail/v1/users/me/', '');
    const raw = (given: { raw?: string } | undefined) => Buffer.from(given?.raw ?? '', 'base64url').toString('utf8');
    if (method === 'POST' && path === 'messages/send') {
      const given = JSON.parse(body) as { raw: string; threadId?: string };
      sent.push(raw(given));
      return { body: { id: `sent${sent.length}`, threadId: given.threadId ?? `t${sent.length}`, labelIds: ['SENT'] } };
    }
    if (method === 'POST' && path === 'drafts') {
      drafts.push(raw((JSON.parse(body) as { message?: { raw: string } }).message));
      return { body: { id: `r${drafts.length}`, message: { id: `d${drafts.length}`, threadId: 't' } } };
    }
    if (path === 'messages') {
      const words = url.searchParams.get('q') ?? '';
      const start = Number(url.searchParams.get('pageToken') ?? 0);
      const most = Number(url.searchParams.get('maxResults') ?? 100);
      const found = mails.filter((mail) => JSON.stringify(mail).includes(words));
      const after = start + most < found.length ? { nextPageToken: String(start + most) } : {};
      const page = found.slice(start, start + most).map(({ id, threadId }) => ({ id, threadId }));
      return { body: { ...(page.length ? { messages: page } : {}), ...after, resultSizeEstimate: found.length } };
    }
    const mail = mails.find(({ id }) => path === `messages/${id}`);
    return mail ? { body: mail } : googleRefusal(404, 'notFound', 'Requested entity was not found.');
  };

  const calendar = ({ method, url, body, headers }: Asked): Answer => {
    const [, id] = /^\/calendar\/v3\/calendars\/[^/]+\/events(?:\/([^/]+))?$/.exec(url.pathname) ?? [];
    const given = (body === '' ? {} : JSON.parse(body)) as Record<string, unknown>;
    const keep = (event: Event): Answer => {
      events.set(event.id, event);
      const guests = (event['attendees'] ?? []) as { email: string }[];
      if (url.searchParams.get('sendUpdates') === 'all') notified.push(...guests.map(({ email }) => email));
      return { body: event };
    };
    const etag = `"${Date.now()}${Math.random()}"`;
    if (id === undefined && method === 'POST') {
      const wanted = (given['id'] as string | undefined) ?? `ev${events.size}`;
      if (!/^[a-v0-9]{5,1024}$/.test(wanted)) return googleRefusal(400, 'invalid', 'Invalid resource id value.');
      if (events.has(wanted)) return googleRefusal(409, 'duplicate', 'The requested identifier already exists.');
      return keep({ ...given, id: wanted, status: 'confirmed', etag, htmlLink: `https://calendar/${wanted}` });
    }
    if (id === undefined) {
      const from = url.searchParams.get('timeMin') ?? '';
      const start = (event: Event) => (event['start'] as { dateTime?: string; date?: string } | undefined) ?? {};
      const at = (event: Event) => Date.parse(start(event).dateTime ?? start(event).date ?? '');
      const found = [...events.values()].filter((each) => each.status !== 'cancelled' && at(each) >= Date.parse(from));
      return { body: { items: found.slice(0, Number(url.searchParams.get('maxResults') ?? 250)) } };
    }
    const event = events.get(id);
    if (!event) return googleRefusal(404, 'notFound', 'Not Found');
    if (method === 'GET') return { body: event };
    if (event.status === 'cancelled') return googleRefusal(410, 'deleted', 'Resource has been deleted');
    if (headers['if-match'] !== undefined && headers['if-match'] !== event.etag)
      return googleRefusal(412, 'conditionNotMet', 'Precondition Failed');
    if (method === 'PATCH') return keep({ ...event, ...given, etag });
    keep({ ...event, status: 'cancelled', etag });
    return { status: 204 };
  };

  const api = (asked: Asked): Answer => {
    const scopes = grants.access.get(bearerOf(asked));
    if (!scopes) return googleRefusal(401, 'authError', 'Invalid Credentials', { status: 'UNAUTHENTICATED' });
    const needs = NEEDS.find(([path]) => path.test(asked.url.pathname))?.[1] ?? [];
    if (!needs.some((scope) => scopes.includes(scope)))
      return {
        ...googleRefusal(403, 'insufficientPermissions', 'Request had insufficient authentication scopes.', {
          details: [{ reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT' }],
        }),
        headers: { 'www-authenticate': `Bearer realm="g", error="insufficient_scope", scope="${needs[0]}"` },
      };
    return asked.url.pathname.startsWith('/gmail/') ? gmail(asked) : calendar(asked);
  };

  const { url, asked, close } = await listen((one) => {
    const { pathname } = one.url;
    if (pathname === '/o/oauth2/v2/auth') return { status: 302, headers: { location: grants.consent(one.url) } };
    if (pathname === '/token') return token(one);
    if (pathname === '/revoke') return revoke(one);
    const instead = next.shift();
    if (instead === 'lost') api(one);
    return instead === 'lost' ? 'hang up' : (instead ?? api(one));
  });
  return { url, asked, close, grants, mails, sent, drafts, events, notified, next };
}
