import type { SafeFetch } from '@switchyard/safe-fetch';
import { googleApi } from './google-api.ts';
import { placesOf, type ShippedSettings } from './providers.ts';
import { slackApi } from './slack-api.ts';
import type { Tool } from '../tool/index.ts';
import { gmailTools } from './gmail.ts';
import { calendarTools } from './google-calendar.ts';
import { slackTools } from './slack.ts';
import type { UserTokens } from '../oauth/index.ts';

/**
 * The tools of the providers that ship. They are always in the catalogue, and there for a user who authorised their
 * provider: where nobody set that up, an admin is told so.
 */
export function shippedTools(settings: ShippedSettings, parts: { fetch: SafeFetch; tokens: UserTokens }): Tool[] {
  const { gmail, calendar, googleIssuer, slack, slackIssuer } = placesOf(settings);
  const ofGmail = { provider: 'gmail', issuer: googleIssuer };
  const ofCalendar = { provider: 'google_calendar', issuer: googleIssuer };
  const ofSlack = { provider: 'slack', issuer: slackIssuer };
  return [
    ...gmailTools(googleApi({ ...parts, title: 'Gmail', base: gmail, of: ofGmail }), ofGmail),
    ...calendarTools(googleApi({ ...parts, title: 'Google Calendar', base: calendar, of: ofCalendar }), ofCalendar),
    ...slackTools(slackApi({ ...parts, title: 'Slack', base: slack, of: ofSlack }), ofSlack),
  ];
}
