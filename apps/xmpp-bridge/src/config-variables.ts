import { flag, integer, LogLevel, OPS_VARIABLES, processVariables, Truth } from '@switchyard/platform';
import { SERVICE_MAP_VARIABLES } from '@switchyard/safe-fetch';
import { z } from 'zod';
import { BareJid, CaFile, Fingerprint, Host, PasswordFile, PeerPolicyFile, UserId } from './config-values.ts';

const A_PORT = 'expected a port from 1 to 65535';
const SOME_SECONDS = 'expected seconds from 1 to 600';

/** The environment of this service: one line per variable; the documentation is generated from it. */
export const Variables = z.object({
  ...processVariables('xmpp-bridge'),
  OPS_PORT: z
    .union([z.literal('off'), integer(0, 65_535, 0)], 'expected a port, or off')
    .default(0)
    .describe('Port of /health, /readiness and /metrics; 0: any free one; off: none is opened'),
  ...OPS_VARIABLES,
  AZTM_LOG_LEVEL: LogLevel.optional().describe(
    'Least level of the AZTM loggers alone (the parts login, stream and interceptor), whatever LOG_LEVEL is; unset: as LOG_LEVEL',
  ),

  AZTM_USERID: UserId.optional()
    .describe('Account of the login, user@domain, or the user alone beside AZTM_DOMAIN; wins over AZTM_JID')
    .meta({ isShown: true }),
  AZTM_JID: BareJid.optional()
    .describe('Account of the login, user@domain; neither this nor AZTM_USERID set: the bridge is disabled')
    .meta({ isShown: true }),
  AZTM_PASSWORD: z.string().min(1).max(1_024).optional().describe('Password of the account'),
  AZTM_PASSWORD_FILE: PasswordFile.optional().describe(
    'File with the password in place of AZTM_PASSWORD; read again when it changes, and on SIGHUP',
  ),
  AZTM_HOST: Host.optional()
    .describe('Server to connect to; unset: found by DNS from the domain')
    .meta({ alias: 'XMPP_HOST' }),
  AZTM_PORT: z.coerce
    .number(A_PORT)
    .int(A_PORT)
    .min(1, A_PORT)
    .max(65_535, A_PORT)
    .optional()
    .describe('Port to connect to; unset: found by DNS, else 5222')
    .meta({ alias: 'XMPP_PORT' }),
  AZTM_DOMAIN: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('XMPP domain that the certificate is checked against; unset: that of the account')
    .meta({ alias: 'XMPP_DOMAIN' }),
  AZTM_TLS: z
    .string()
    .transform((text) => ({ true: 'starttls', false: 'off' })[text] ?? text)
    .pipe(z.enum(['auto', 'starttls', 'direct', 'off'], 'expected auto, starttls, direct or off'))
    .default('auto')
    .describe('How the connection is secured; off only for a loopback server; true and false mean starttls and off')
    .meta({ alias: 'XMPP_USE_TLS' }),
  AZTM_REQUIRE_TLS: Truth.optional().describe(
    'Of the AZTM library: true refuses AZTM_TLS=off; false changes nothing, as no login here falls back to clear text',
  ),
  AZTM_VALIDATE_CERT: flag(true).describe('Check the certificate; false only for tests, and loudly'),
  AZTM_CA_FILE: CaFile.optional().describe('File with the CA certificates to trust beside the system’s'),
  AZTM_ALLOW_PLAIN: flag(false).describe('Consent to the SASL mechanism PLAIN, over verified TLS only'),
  AZTM_CERT_FINGERPRINT: Fingerprint.optional().describe(
    'SHA-256 of the one certificate that is accepted, whoever signed it',
  ),
  AZTM_CHANNEL_BINDING: z
    .enum(['require', 'prefer', 'off'], 'expected require, prefer or off')
    .default('prefer')
    .describe('Bind the password proof to the TLS connection (SCRAM-*-PLUS)'),
  AZTM_ALLOW_CLEAR_TEXT: flag(false).describe('Second consent to AZTM_TLS=off for a server on another machine'),
  AZTM_RESOURCE: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[A-Za-z0-9._-]+$/, 'expected letters, digits, ".", "_" and "-"')
    .default('switchyard')
    .describe('Beginning of the resource; each replica adds its own end'),
  AZTM_XMPP_TIMEOUT: z.coerce
    .number(SOME_SECONDS)
    .min(1, SOME_SECONDS)
    .max(600, SOME_SECONDS)
    .default(30)
    .describe('Longest time for the whole login, in seconds'),
  AZTM_REQUIRED: flag(false).describe('true: nothing runs until the login stands'),
  AZTM_SERVER_MODE: flag(true).describe('false: peers cannot call us'),
  AZTM_PEER_POLICY: PeerPolicyFile.describe(
    'JSON file, read again when it changes: JID or *@domain -> {methods, paths, maxBodyKb, perMinute, hours, tools, contactsOnly, tenant}; who is not named may call nothing',
  ),
  AZTM_INLINE_LIMIT_KB: integer(1, 1_024, 128).describe(
    'Largest body that travels inside one stanza, in KB; more than 64 counts as 64',
  ),
  AZTM_STREAM_LIMIT_MB: integer(1, 100, 5).describe('Largest body that travels at all, in MB'),
  ...SERVICE_MAP_VARIABLES,
});
export type Environment = z.output<typeof Variables>;
