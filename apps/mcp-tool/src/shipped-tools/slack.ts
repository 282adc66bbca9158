import { sha256 } from '@switchyard/contracts';
import { z } from 'zod';
import { defineTool, type Tool } from '../tool/index.ts';
import type { ProviderApi } from './provider-api.ts';
import { SLACK_SCOPES } from './providers.ts';
import type { TokenOf } from '../oauth/index.ts';

/*
 * The workspace of a user at Slack, with the user's own rights.
 *
 * - A message is posted only when a person approved it. It carries an id that follows from the key of the call, and Slack
 *   drops a repeat with the same id. Slack does not promise for how long, so a lost answer leaves the message in doubt.
 */

const Channel = z.object({
  id: z.string(),
  name: z.string().default(''),
  is_member: z.boolean().default(false),
  num_members: z.number().optional(),
  topic: z.object({ value: z.string().default('') }).optional(),
  purpose: z.object({ value: z.string().default('') }).optional(),
});
const Next = z.object({ next_cursor: z.string().optional() }).optional();
const Channels = z.object({ channels: z.array(Channel).default([]), response_metadata: Next });
const Message = z.object({
  ts: z.string(),
  user: z.string().optional(),
  text: z.string().default(''),
  thread_ts: z.string().optional(),
  reply_count: z.number().optional(),
});
const History = z.object({ messages: z.array(Message).default([]), response_metadata: Next });
const Match = Message.extend({
  username: z.string().optional(),
  permalink: z.string().optional(),
  channel: z.object({ id: z.string().optional(), name: z.string().optional() }).optional(),
});
const Matches = z.object({
  messages: z.object({
    matches: z.array(Match).default([]),
    paging: z.object({ total: z.number().optional(), pages: z.number().optional() }).optional(),
  }),
});
const Posted = z.object({ channel: z.string(), ts: z.string() });

const ChannelId = z
  .string()
  .regex(/^[A-Z0-9]{6,20}$/, 'an id as list_channels gives it, e.g. C024BE91L')
  .describe('Id of a channel, as list_channels gives it');
const Cursor = z.string().max(500).optional().describe('next_cursor of the page before');
const Stamp = z.string().regex(/^\d{1,12}\.\d{1,8}$/, 'a ts as a message has it');
const Told = z.object({ ts: z.string(), user: z.string(), text: z.string(), thread_ts: z.string().nullable() });
const MAX_TEXT = 2_000;

export function slackTools(api: ProviderApi, tokenOf: TokenOf): Tool[] {
  const common = { provider: 'slack', tokenOf, trust: 'untrusted', timeoutMs: 30_000 } as const;

  const listChannels = defineTool({
    ...common,
    name: 'slack__list_channels',
    title: 'List channels',
    description: 'List the public channels of the workspace of this user, with their ids.',
    kind: 'read',
    idempotency: 'safe',
    requiredScopes: [SLACK_SCOPES.channels],
    input: z.object({ limit: z.number().int().min(1).max(200).default(100).describe('Most channels'), cursor: Cursor }),
    output: z.object({
      channels: z.array(
        z.object({
          id: z.string(),
          name: z.string(),
          topic: z.string(),
          purpose: z.string(),
          is_member: z.boolean(),
          members: z.number().nullable(),
        }),
      ),
      next_cursor: z.string().nullable(),
    }),
    run: async ({ limit, cursor }, context) => {
      const query = { limit, cursor, exclude_archived: true, types: 'public_channel' };
      const page = Channels.parse(await api.ask(context, { path: ['conversations.list'], query }));
      const channels = page.channels.map(({ id, name, is_member, num_members, topic, purpose }) => ({
        id,
        name,
        is_member,
        members: num_members ?? null,
        topic: (topic?.value ?? '').slice(0, 250),
        purpose: (purpose?.value ?? '').slice(0, 250),
      }));
      return { channels, next_cursor: nextOf(page) };
    },
  });

  const channelHistory = defineTool({
    ...common,
    name: 'slack__channel_history',
    title: 'Read a channel',
    description: 'Read the messages of a channel, newest first.',
    kind: 'read',
    idempotency: 'safe',
    requiredScopes: [SLACK_SCOPES.history],
    input: z.object({
      channel: ChannelId,
      limit: z.number().int().min(1).max(50).default(20).describe('Most messages'),
      since: Stamp.optional().describe('Only later ones than the message with this ts'),
      cursor: Cursor,
    }),
    output: z.object({ messages: z.array(Told.extend({ replies: z.number() })), next_cursor: z.string().nullable() }),
    run: async ({ channel, limit, since, cursor }, context) => {
      const query = { channel, limit, oldest: since, cursor };
      const page = History.parse(await api.ask(context, { path: ['conversations.history'], query }));
      const messages = page.messages.map((message) => ({ ...told(message), replies: message.reply_count ?? 0 }));
      return { messages, next_cursor: nextOf(page) };
    },
  });

  const searchMessages = defineTool({
    ...common,
    name: 'slack__search_messages',
    title: 'Search messages',
    description: 'Search the messages that this user can see, e.g. "in:#sales from:@ann budget".',
    kind: 'read',
    idempotency: 'safe',
    requiredScopes: [SLACK_SCOPES.search],
    input: z.object({
      query: z.string().min(1).max(500).describe('What to search for'),
      limit: z.number().int().min(1).max(50).default(20).describe('Most messages of a page'),
      page: z.number().int().min(1).max(100).default(1),
    }),
    output: z.object({
      messages: z.array(Told.extend({ channel: z.string(), channel_name: z.string(), link: z.string() })),
      total: z.number(),
      pages: z.number(),
    }),
    run: async ({ query, limit, page }, context) => {
      const asked = { query, count: limit, page, sort: 'timestamp' };
      const { messages } = Matches.parse(await api.ask(context, { path: ['search.messages'], query: asked }));
      return {
        messages: messages.matches.map((match) => ({
          ...told(match),
          user: match.user ?? match.username ?? '',
          channel: match.channel?.id ?? '',
          channel_name: match.channel?.name ?? '',
          link: match.permalink ?? '',
        })),
        total: messages.paging?.total ?? 0,
        pages: messages.paging?.pages ?? 0,
      };
    },
  });

  const postMessage = defineTool({
    ...common,
    name: 'slack__post_message',
    title: 'Post a message',
    description: 'Post a message in a channel in the name of this user. A person approves it first.',
    kind: 'destructive',
    idempotency: 'none', // Slack does not promise for how long it drops a repeat.
    requiresApproval: true,
    requiredScopes: [SLACK_SCOPES.post],
    input: z.object({
      channel: ChannelId,
      text: z.string().min(1).max(4_000).describe('Text of the message, in the mark-up of Slack'),
      thread_ts: Stamp.optional().describe('ts of the message whose thread it answers in'),
    }),
    output: z.object({ channel: z.string(), ts: z.string() }),
    run: async ({ channel, text, thread_ts }, context) => {
      const { principal, idempotencyKey: key } = context;
      const id = key === undefined ? {} : { client_msg_id: uuidOf([principal.tenantId, principal.userId, key]) };
      const body = { channel, text, ...(thread_ts === undefined ? {} : { thread_ts }), ...id };
      const { channel: at, ts } = Posted.parse(
        await api.ask(context, { method: 'POST', path: ['chat.postMessage'], body }),
      );
      return { channel: at, ts };
    },
  });

  return [listChannels, channelHistory, searchMessages, postMessage];
}

/** An id of a message that follows from `parts`, in the form that Slack takes. */
export function uuidOf(parts: readonly string[]): string {
  const hex = sha256(JSON.stringify(parts));
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

function told({ ts, user, text, thread_ts }: z.output<typeof Message>) {
  return { ts, user: user ?? '', text: text.slice(0, MAX_TEXT), thread_ts: thread_ts ?? null };
}

function nextOf({ response_metadata: next }: { response_metadata?: z.output<typeof Next> }): string | null {
  return next?.next_cursor === undefined || next.next_cursor === '' ? null : next.next_cursor;
}
