import { z } from 'zod';
import { request } from '../base/define.ts';
import { Id, RunId } from '../base/ids.ts';
import { Principal } from '../base/principal.ts';

/** States of the AZTM login, in the order in which a good login passes them. */
const XMPP_STATES = [
  'disabled',
  'offline',
  'connecting',
  'securing',
  'authenticating',
  'binding',
  'online',
  'failed',
] as const;

export const XmppStatus = z.object({
  state: z.enum(XMPP_STATES),
  /** One sentence: the state and, if something is wrong, what to do. */
  sentence: z.string().max(500),
  failure: z
    .object({
      code: z.string().max(64),
      step: z.string().max(64),
      then: z.enum(['retry', 'fatal']),
      check: z.number().int().optional().describe('Number of the check of `switchyard doctor` that says more'),
    })
    .optional()
    .describe('Why the login does not stand; fatal: not tried again before the configuration changes'),
  jid: z.string().max(3_071).optional().describe('Bare JID of the login, where one is configured'),
  required: z.boolean().describe('AZTM_REQUIRED: nothing runs until the login stands'),
  serverMode: z.boolean().describe('AZTM_SERVER_MODE: peers may call us'),
  serving: z.boolean().optional().describe('The replica that answers is the one that takes what peers ask'),
  mappedHosts: z.array(z.string()).describe('Hosts of SERVICE_MAP'),
});
export type XmppStatus = z.infer<typeof XmppStatus>;

export const xmppStatus = request({
  subject: 'rpc.xmpp.status',
  summary: 'Say in one sentence how the AZTM login stands.',
  answeredBy: 'xmpp-bridge',
  askedBy: ['gateway', 'operator'],
  input: z.object({}),
  output: XmppStatus,
  timeoutMs: 2_000,
});

const HttpHeader = z.tuple([z.string().max(256), z.string().max(16_384)]);
/** In base64; the limit is one bus message without its headers. */
const HttpBody = z.base64().max(700_000).default('');

/** The most bytes of a body that one message on the bus carries. */
export const MAX_CARRIED_BODY_BYTES = 512 * 1_024;

const HttpMessage = {
  method: z.string().max(16),
  /** Path and query. */
  resource: z.string().min(1).max(8_192),
  headers: z.array(HttpHeader).max(128).default([]),
  body: HttpBody,
  bodyBytes: z
    .number()
    .int()
    .min(1)
    .max(104_857_600)
    .optional()
    .describe('Length of a body that one message does not carry; it is sent where a progress frame says'),
};

/** An HTTP response as the bus carries it. */
export const CarriedResponse = z.object({
  status: z.number().int().min(200).max(599),
  headers: z.array(HttpHeader).max(256),
  body: HttpBody,
});
export type CarriedResponse = z.infer<typeof CarriedResponse>;

/**
 * What a progress frame of `rpc.xmpp.request` and `rpc.http.request` carries where the response comes in pieces: first
 * the head, then chunks in order. The answer then repeats the head and has no body. `send` asks for the body of the
 * request: in pieces, with this token, to `rpc.*.body.<to>`.
 */
export const CarriedFrame = z.union([
  z.object({ head: z.object({ status: z.number().int(), headers: z.array(HttpHeader).max(256) }) }),
  z.object({ chunk: z.base64().max(700_000) }),
  z.object({ send: z.object({ to: z.string().regex(/^[a-z0-9]{1,32}$/), token: z.string().max(64) }) }),
]);
export type CarriedFrame = z.infer<typeof CarriedFrame>;

export const xmppRequest = request({
  subject: 'rpc.xmpp.request',
  summary: 'Carry one HTTP request to the agent that serves a host of SERVICE_MAP, over XMPP and no other way.',
  answeredBy: 'xmpp-bridge',
  askedBy: ['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'operator'],
  input: z.object({
    host: z.string().min(1).max(300).describe('host:port as in SERVICE_MAP'),
    onBehalfOf: z
      .object({ tenantId: Id, userId: Id, runId: RunId.optional() })
      .optional()
      .describe('Whose request it is, for the audit log alone'),
    ...HttpMessage,
  }),
  output: CarriedResponse,
  timeoutMs: 60_000,
});

const BodyPiece = z.object({
  token: z.string().min(1).max(64),
  at: z.number().int().min(0).describe('Bytes of the body before this piece'),
  piece: z.base64().min(1).max(700_000),
});

export const xmppBody = request({
  subject: 'rpc.xmpp.body.*',
  summary: 'Take a piece of the body of a request that this replica of the bridge has asked for.',
  answeredBy: 'xmpp-bridge',
  askedBy: ['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'operator'],
  input: BodyPiece,
  output: z.object({}),
  timeoutMs: 20_000,
});

export const httpBody = request({
  subject: 'rpc.http.body.*',
  summary: 'Take a piece of the body of a request that this replica of the gateway has asked for.',
  answeredBy: 'gateway',
  askedBy: ['xmpp-bridge'],
  input: BodyPiece,
  output: z.object({}),
  timeoutMs: 20_000,
});

export const xmppAnswer = request({
  subject: 'rpc.xmpp.answer.*',
  summary:
    'Hand the answer of a peer to the replica of the bridge that asked it; peers may answer to the account alone.',
  answeredBy: 'xmpp-bridge',
  askedBy: ['xmpp-bridge'],
  input: z.object({
    from: z.string().min(1).max(3_071).describe('Who answered, as the XMPP server says'),
    id: z.string().min(1).max(128).describe('Of the message that it answers'),
    subject: z.string().max(1_000),
    body: z.string().max(262_144),
  }),
  output: z.object({}),
  timeoutMs: 2_000,
});

export const httpRequest = request({
  subject: 'rpc.http.request',
  summary: 'Answer an HTTP request that a peer sent over XMPP, on behalf of that peer.',
  answeredBy: 'gateway',
  askedBy: ['xmpp-bridge'],
  input: z.object({ principal: Principal, fromJid: z.string().max(3_071), ...HttpMessage }),
  output: CarriedResponse,
  timeoutMs: 60_000,
});
