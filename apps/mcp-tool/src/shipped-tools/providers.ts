import type { NotSetUp } from '../credentials/index.ts';
import type { ProviderConfig } from '../oauth/provider-config.ts';

/*
 * The shipped providers: each needs only the credentials of an OAuth client. Pure.
 *
 * - A provider without credentials is not set up, and gets no requests. `why` names the missing variable.
 * - One client of Google serves mail and calendar. A user authorises each by itself, with the scopes of its own tools
 *   only.
 */

interface ClientSettings {
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
  /** Serves logins and API in place of the real one: an emulator, a test. */
  readonly url: string | undefined;
}

export interface ShippedSettings {
  readonly google: ClientSettings;
  readonly slack: ClientSettings;
}

export const GMAIL_SCOPES = {
  read: 'https://www.googleapis.com/auth/gmail.readonly',
  compose: 'https://www.googleapis.com/auth/gmail.compose',
} as const;
export const CALENDAR_SCOPE = 'https://www.googleapis.com/auth/calendar.events';
export const SLACK_SCOPES = {
  channels: 'channels:read',
  history: 'channels:history',
  search: 'search:read',
  post: 'chat:write',
} as const;

/** The addresses of the APIs, and whose tokens they take. */
export interface Places {
  readonly gmail: string;
  readonly calendar: string;
  readonly googleIssuer: string;
  readonly slack: string;
  readonly slackIssuer: string;
}

export function placesOf({ google, slack }: ShippedSettings): Places {
  const at = (url: string | undefined) => url?.replace(/\/+$/, '');
  const [googleAt, slackAt] = [at(google.url), at(slack.url)];
  return {
    gmail: `${googleAt ?? 'https://gmail.googleapis.com'}/gmail/v1`,
    calendar: `${googleAt ?? 'https://www.googleapis.com'}/calendar/v3`,
    googleIssuer: googleAt ?? 'https://accounts.google.com',
    slack: `${slackAt ?? 'https://slack.com'}/api`,
    slackIssuer: slackAt ?? 'https://slack.com',
  };
}

export interface ShippedProviders {
  readonly configured: readonly ProviderConfig[];
  readonly notSetUp: readonly NotSetUp[];
}

export function shippedProviders(settings: ShippedSettings): ShippedProviders {
  const { googleIssuer, slackIssuer } = placesOf(settings);
  const { google, slack } = settings;
  const googleTokens = google.url === undefined ? 'https://oauth2.googleapis.com' : googleIssuer;
  const ofGoogle = {
    issuer: googleIssuer,
    endpoints: {
      authorization: `${googleIssuer}/o/oauth2/v2/auth`,
      token: `${googleTokens}/token`,
      revocation: `${googleTokens}/revoke`,
      pkce: 'S256' as const,
    },
    // Without them there is no refresh token after the first consent.
    authorizationParams: { access_type: 'offline', prompt: 'consent' },
  };
  const all = [
    { id: 'gmail', title: 'Gmail', scopes: Object.values(GMAIL_SCOPES), client: google, name: 'GOOGLE', ...ofGoogle },
    {
      id: 'google_calendar',
      title: 'Google Calendar',
      scopes: [CALENDAR_SCOPE],
      client: google,
      name: 'GOOGLE',
      ...ofGoogle,
    },
    {
      id: 'slack',
      title: 'Slack',
      scopes: Object.values(SLACK_SCOPES),
      client: slack,
      name: 'SLACK',
      issuer: slackIssuer,
      endpoints: {
        authorization: `${slackIssuer}/oauth/v2_user/authorize`,
        token: `${slackIssuer}/api/oauth.v2.user.access`,
        revocation: `${slackIssuer}/api/auth.revoke`,
        pkce: 'S256' as const,
      },
      authorizationParams: {},
      dialect: 'slack' as const,
    },
  ];
  const configured: ProviderConfig[] = [];
  const notSetUp: NotSetUp[] = [];
  for (const { client, name, ...provider } of all) {
    const { clientId, clientSecret } = client;
    const missing = [
      ...(clientId === undefined ? [`${name}_CLIENT_ID`] : []),
      ...(clientSecret === undefined ? [`${name}_CLIENT_SECRET`] : []),
    ];
    if (clientId !== undefined && clientSecret !== undefined)
      configured.push({ ...provider, clientId, clientSecret, clientAuth: 'post', resource: undefined });
    else notSetUp.push({ ...provider, why: whyNot(provider.title, missing) });
  }
  return { configured, notSetUp };
}

function whyNot(title: string, missing: readonly string[]): string {
  const are = missing.length === 1 ? 'is not set' : 'are not set';
  return `${title} is not set up here: ${missing.join(' and ')} ${are}. An administrator finds how in docs/provider-authorisation.md.`;
}
