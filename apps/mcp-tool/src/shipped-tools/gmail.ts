import { z } from 'zod';
import { defineTool, type Tool, type ToolContext, type ToolDefinition } from '../tool/index.ts';
import { attachmentsOf, bodyOf, type Draft, headerOf, type Part, rawMessage } from './gmail-message.ts';
import type { ProviderApi } from './provider-api.ts';
import { GMAIL_SCOPES } from './providers.ts';
import type { TokenOf } from '../oauth/index.ts';

/*
 * Mail of a user at Gmail.
 *
 * - A mail is sent only when a person approved it. Gmail takes no key by which it would know a mail again: where the
 *   answer is lost, whether the mail was sent is in doubt, and no worker sends it again by itself.
 * - A search shows one page, and asks for the messages of the page a few at a time.
 */

const Header = z.object({ name: z.string(), value: z.string() });
const PartSchema: z.ZodType<Part> = z.lazy(() =>
  z.object({
    mimeType: z.string().optional(),
    filename: z.string().optional(),
    headers: z.array(Header).optional(),
    body: z.object({ size: z.number().optional(), data: z.string().optional() }).optional(),
    parts: z.array(PartSchema).optional(),
  }),
);
const Message = z.object({
  id: z.string(),
  threadId: z.string(),
  snippet: z.string().default(''),
  labelIds: z.array(z.string()).default([]),
  payload: PartSchema.default({}),
});
const Found = z.object({
  messages: z.array(z.object({ id: z.string() })).default([]),
  nextPageToken: z.string().optional(),
});
const Sent = z.object({ id: z.string(), threadId: z.string() });
const Drafted = z.object({ id: z.string(), message: Sent.partial() });

const MessageId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'an id as search gives it')
  .describe('Id of a message, as search gives it');
const MAX_RECIPIENTS = 50;
const Address = z.email().max(254);

/** "a@x.example, b@y.example" */
const addresses = (what: string) =>
  z
    .string()
    .max(4_000)
    .refine((text) => listed(text).length <= MAX_RECIPIENTS, `at most ${MAX_RECIPIENTS} addresses`)
    .refine((text) => listed(text).every((one) => Address.safeParse(one).success), 'e-mail addresses, comma-separated')
    .describe(`${what}: e-mail addresses, comma-separated`);
const Outgoing = z.object({
  to: addresses('Whom it is for').refine((text) => listed(text).length > 0, 'at least one address'),
  subject: z
    .string()
    .max(500)
    .regex(/^[^\r\n]*$/, 'one line')
    .describe('Subject line'),
  body: z.string().min(1).max(100_000).describe('Plain text of the e-mail'),
  cc: addresses('Who gets a copy').optional(),
  bcc: addresses('Who gets a copy that others do not see').optional(),
  reply_to_message: MessageId.optional().describe('Id of the message that this one answers; it goes into its thread'),
});
type Outgoing = z.output<typeof Outgoing>;

function listed(text: string | undefined): string[] {
  return (text ?? '').split(',').flatMap((one) => one.trim() || []);
}

const summary = {
  id: z.string(),
  thread_id: z.string(),
  from: z.string(),
  to: z.string(),
  subject: z.string(),
  date: z.string(),
};

export function gmailTools(api: ProviderApi, tokenOf: TokenOf): Tool[] {
  const common = { provider: 'gmail', tokenOf, trust: 'untrusted', timeoutMs: 30_000 } as const;
  const get = async (context: ToolContext, id: string, format: 'metadata' | 'full') => {
    const metadataHeaders = ['From', 'To', 'Cc', 'Subject', 'Date', 'Message-ID', 'References'];
    const query = { format, ...(format === 'metadata' ? { metadataHeaders } : {}) };
    return Message.parse(await api.ask(context, { path: ['users', 'me', 'messages', id], query }));
  };
  const composed = async (context: ToolContext, { to, cc, bcc, subject, body, reply_to_message }: Outgoing) => {
    const answered = reply_to_message === undefined ? undefined : await get(context, reply_to_message, 'metadata');
    const reply = answered && {
      inReplyTo: headerOf(answered.payload, 'message-id'),
      references: headerOf(answered.payload, 'references'),
    };
    const draft: Draft = { to: listed(to), cc: listed(cc), bcc: listed(bcc), subject, body, ...reply };
    return { raw: rawMessage(draft), ...(answered ? { threadId: answered.threadId } : {}) };
  };

  const search = defineTool({
    ...common,
    name: 'gmail__search',
    title: 'Search mail',
    description:
      'Search the e-mails of this user, newest first, with the words of the search field of Gmail, e.g. "from:ann is:unread newer_than:7d report".',
    kind: 'read',
    idempotency: 'safe',
    requiredScopes: [GMAIL_SCOPES.read],
    input: z.object({
      query: z.string().max(500).default('').describe('What to search for; empty: the newest'),
      limit: z.number().int().min(1).max(25).default(10).describe('Most messages'),
      page_token: z.string().max(200).optional().describe('next_page_token of the page before'),
    }),
    output: z.object({
      messages: z.array(z.object({ ...summary, snippet: z.string(), unread: z.boolean() })),
      next_page_token: z.string().nullable(),
    }),
    run: async ({ query, limit, page_token }, context) => {
      const asked = { q: query === '' ? undefined : query, maxResults: limit, pageToken: page_token };
      const page = Found.parse(await api.ask(context, { path: ['users', 'me', 'messages'], query: asked }));
      const messages = await inSmallGroups(page.messages.slice(0, limit), async ({ id }) => {
        const message = await get(context, id, 'metadata');
        const unread = message.labelIds.includes('UNREAD');
        return { ...summaryOf(message), snippet: message.snippet.slice(0, 300), unread };
      });
      return { messages, next_page_token: page.nextPageToken ?? null };
    },
  });

  const read = defineTool({
    ...common,
    name: 'gmail__read',
    title: 'Read a mail',
    description: 'Read one e-mail of this user as text, with the names of its attachments.',
    kind: 'read',
    idempotency: 'safe',
    requiredScopes: [GMAIL_SCOPES.read],
    input: z.object({ id: MessageId }),
    output: z.object({
      ...summary,
      cc: z.string(),
      body: z.string(),
      truncated: z.boolean(),
      attachments: z.array(z.object({ name: z.string(), type: z.string(), bytes: z.number() })),
    }),
    run: async ({ id }, context) => {
      const message = await get(context, id, 'full');
      const cc = (headerOf(message.payload, 'cc') ?? '').slice(0, 1_000);
      return { ...summaryOf(message), cc, ...bodyOf(message.payload), attachments: attachmentsOf(message.payload) };
    },
  });

  const sending: Pick<ToolDefinition, 'idempotency' | 'requiredScopes'> = {
    idempotency: 'none', // Gmail takes no key by which it would know a mail again.
    requiredScopes: [GMAIL_SCOPES.compose],
  };
  const send = defineTool({
    ...common,
    ...sending,
    name: 'gmail__send',
    title: 'Send a mail',
    description: 'Send an e-mail in the name of this user. A person approves it first.',
    kind: 'destructive',
    requiresApproval: true,
    input: Outgoing,
    output: z.object({ id: z.string(), thread_id: z.string() }),
    run: async (given, context) => {
      const body = await composed(context, given);
      const path = ['users', 'me', 'messages', 'send'];
      const { id, threadId } = Sent.parse(await api.ask(context, { method: 'POST', path, body }));
      return { id, thread_id: threadId };
    },
  });

  const createDraft = defineTool({
    ...common,
    ...sending,
    name: 'gmail__create_draft',
    title: 'Draft a mail',
    description: 'Put an e-mail among the drafts of this user, to be looked at and sent by hand. Nothing is sent.',
    kind: 'write',
    input: Outgoing,
    output: z.object({ draft_id: z.string(), message_id: z.string().nullable() }),
    run: async (given, context) => {
      const body = { message: await composed(context, given) };
      const path = ['users', 'me', 'drafts'];
      const { id, message } = Drafted.parse(await api.ask(context, { method: 'POST', path, body }));
      return { draft_id: id, message_id: message.id ?? null };
    },
  });

  return [search, read, send, createDraft];
}

function summaryOf({ id, threadId, payload }: z.output<typeof Message>) {
  const [from, to, subject, date] = ['from', 'to', 'subject', 'date'].map((name) =>
    (headerOf(payload, name) ?? '').slice(0, 1_000),
  ) as [string, string, string, string];
  return { id, thread_id: threadId, from, to, subject, date };
}

const AT_ONCE = 5;

/** Does the work for AT_ONCE of them at a time; the results have the same order. */
async function inSmallGroups<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let at = 0; at < all.length; at += AT_ONCE)
    done.push(...(await Promise.all(all.slice(at, at + AT_ONCE).map(work))));
  return done;
}
