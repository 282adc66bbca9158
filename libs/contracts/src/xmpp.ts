import { z } from 'zod';
import { request } from './define.ts';

/** States of the AZTM login, in the order in which a good login passes them. */
export const XMPP_STATES = [
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
  /** One sentence: what is so and, where something is wrong, what to do. */
  sentence: z.string().max(500),
  failure: z
    .object({ code: z.string().max(64), step: z.string().max(64), then: z.enum(['retry', 'fatal']) })
    .optional()
    .describe('Why the login does not stand; fatal: not tried again before the configuration changes'),
  jid: z.string().max(3_071).optional().describe('Bare JID of the login, where one is configured'),
  required: z.boolean().describe('AZTM_REQUIRED: nothing runs until the login stands'),
  serverMode: z.boolean().describe('AZTM_SERVER_MODE: peers may call us'),
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
