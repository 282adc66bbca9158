import { readFileSync } from 'node:fs';
import { describeConfig } from '@switchyard/platform';
import { SERVICE_MAP_VARIABLES, serviceMapOf } from '@switchyard/safe-fetch';
import { z } from 'zod';
import { passwordOf } from './credentials.ts';
import type { PeerPolicy } from './peer-policy.ts';
import { parsePolicy } from './policy-file.ts';

const integer = (min: number, max: number, fallback: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);
const flag = (fallback: 'true' | 'false') =>
  z
    .enum(['true', 'false'], 'expected true or false')
    .default(fallback)
    .transform((value) => value === 'true');

/** user@domain, without a resource (RFC 7622 §3). */
const BareJid = z
  .string()
  .regex(/^[^\s@/"&'<>:]{1,1023}@[^\s@/]{1,1023}$/, 'expected a bare JID such as agent@example.org');

/** The file of AZTM_PEER_POLICY: judged with the rest at the start, read again later (policy-file.ts). */
const PeerPolicyFile = z
  .string()
  .default('')
  .transform((path, context): { readonly file: string | undefined; readonly policy: PeerPolicy } => {
    if (path === '') return { file: undefined, policy: {} };
    try {
      return { file: path, policy: parsePolicy(readFileSync(path, 'utf8')) };
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'it cannot be read' });
      return z.NEVER;
    }
  });

/** The file of AZTM_PASSWORD_FILE: judged at the start, read again later. */
const PasswordFile = z
  .string()
  .min(1)
  .transform((path, context): { path: string; password: string } => {
    try {
      const password = passwordOf(readFileSync(path, 'utf8'));
      if (password !== undefined) return { path, password };
      context.addIssue({ code: 'custom', message: 'holds no password, or one of more than 1,024 characters' });
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code ?? 'unknown';
      context.addIssue({ code: 'custom', message: `cannot be read (${why}): name a file that this service may read` });
    }
    return z.NEVER;
  });

/** The file of AZTM_CA_FILE: judged at the start, read again later. */
const CaFile = z
  .string()
  .min(1)
  .refine((path) => {
    try {
      return readFileSync(path, 'utf8').includes('-----BEGIN CERTIFICATE-----');
    } catch {
      return false;
    }
  }, 'cannot be read, or holds no certificate in PEM');

/** The old library is configured in Python's words. */
const LEVELS_OF_PYTHON: Readonly<Record<string, string>> = { warning: 'warn', critical: 'error', notset: 'trace' };

const Variables = z.object({
  NATS_URL: z.string().min(1).default('nats://127.0.0.1:4222').describe('NATS server'),
  OPS_PORT: z
    .union([z.literal('off'), integer(0, 65_535, 0)], 'expected a port, or off')
    .default(0)
    .describe('Port of /health, /readiness and /metrics; 0: any free one; off: none is opened'),
  LOG_LEVEL: z
    .string()
    .transform((text) => LEVELS_OF_PYTHON[text.toLowerCase()] ?? text.toLowerCase())
    .pipe(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']))
    .default('info')
    .describe('Least level that is logged')
    .meta({ alias: 'AZTM_LOG_LEVEL' }),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional().describe('OTLP/HTTP collector; unset: no traces'),
  OTEL_SERVICE_NAME: z.string().default('switchyard-xmpp-bridge').describe('Service name in traces'),
  DRAIN_TIMEOUT_MS: integer(500, 60_000, 8_000).describe('Longest time for finishing work on SIGTERM'),

  AZTM_JID: BareJid.optional()
    .describe('Account of the login, user@domain; unset: the bridge is disabled')
    .meta({ alias: 'AZTM_USERID' }),
  AZTM_PASSWORD: z.string().min(1).max(1_024).optional().describe('Password of the account'),
  AZTM_PASSWORD_FILE: PasswordFile.optional().describe(
    'File with the password in place of AZTM_PASSWORD; read again when it changes, and on SIGHUP',
  ),
  AZTM_HOST: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('Server to connect to; unset: found by DNS from the domain')
    .meta({ alias: 'XMPP_HOST' }),
  AZTM_PORT: z.coerce
    .number()
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe('Port to connect to; unset: found by DNS, else 5222')
    .meta({ alias: 'XMPP_PORT' }),
  AZTM_DOMAIN: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('XMPP domain that the certificate is checked against; unset: that of the JID')
    .meta({ alias: 'XMPP_DOMAIN' }),
  AZTM_TLS: z
    .string()
    .transform((text) => ({ true: 'starttls', false: 'off' })[text] ?? text)
    .pipe(z.enum(['auto', 'starttls', 'direct', 'off'], 'expected auto, starttls, direct or off'))
    .default('auto')
    .describe('How the connection is secured; off only for a loopback server; true and false mean starttls and off')
    .meta({ alias: 'XMPP_USE_TLS' }),
  AZTM_VALIDATE_CERT: flag('true').describe('Check the certificate; false only for tests, and loudly'),
  AZTM_CA_FILE: CaFile.optional().describe('File with the CA certificates to trust beside the system’s'),
  AZTM_ALLOW_PLAIN: flag('false').describe('Consent to the SASL mechanism PLAIN, over verified TLS only'),
  AZTM_CERT_FINGERPRINT: z
    .string()
    .transform((text) => text.replaceAll(':', '').toLowerCase())
    .pipe(z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 of 64 hexadecimal digits, with or without colons'))
    .optional()
    .describe('SHA-256 of the one certificate that is accepted, whoever signed it'),
  AZTM_CHANNEL_BINDING: z
    .enum(['require', 'prefer', 'off'], 'expected require, prefer or off')
    .default('prefer')
    .describe('Bind the password proof to the TLS connection (SCRAM-*-PLUS)'),
  AZTM_ALLOW_CLEAR_TEXT: flag('false').describe('Second consent to AZTM_TLS=off for a server on another machine'),
  AZTM_RESOURCE: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[A-Za-z0-9._-]+$/, 'expected letters, digits, ".", "_" and "-"')
    .default('switchyard')
    .describe('Beginning of the resource; each replica adds its own end'),
  AZTM_XMPP_TIMEOUT: z.coerce
    .number()
    .min(1)
    .max(600)
    .default(30)
    .describe('Longest time for the whole login, in seconds'),
  AZTM_REQUIRED: flag('false').describe('true: nothing runs until the login stands'),
  AZTM_SERVER_MODE: flag('true').describe('false: peers cannot call us'),
  AZTM_PEER_POLICY: PeerPolicyFile.describe(
    'JSON file, read again when it changes: JID or *@domain -> {methods, paths, maxBodyKb, perMinute, hours, tools, contactsOnly, tenant}; who is not named may call nothing',
  ),
  AZTM_INLINE_LIMIT_KB: integer(1, 1_024, 128).describe('Largest body that travels inside one stanza, in KB'),
  AZTM_STREAM_LIMIT_MB: integer(1, 100, 5).describe('Largest body that travels at all, in MB'),
  ...SERVICE_MAP_VARIABLES,
});

type Environment = z.output<typeof Variables>;
type Variable = keyof Environment;

/**
 * Variables of the family that are set and not known, as a name with a slip of the pen is: they would do nothing, without
 * a word.
 */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set(describeConfig(Config).flatMap(({ variable, alias }) => [variable, alias]));
  return Object.keys(env)
    .filter((name) => /^(AZTM|XMPP)_/.test(name) && name !== 'XMPP_URL' && !known.has(name))
    .sort();
}

/** What must hold between variables, each of which is right for itself. */
interface Rule {
  readonly reads: readonly Variable[];
  readonly blames: Variable;
  readonly broken: (env: Environment) => boolean;
  readonly remedy: string;
}

const RULES: readonly Rule[] = [
  {
    reads: ['AZTM_JID', 'AZTM_PASSWORD', 'AZTM_PASSWORD_FILE'],
    blames: 'AZTM_PASSWORD',
    broken: (env) => env.AZTM_JID !== undefined && passwordIn(env) === undefined,
    remedy: 'set the password of AZTM_JID, or AZTM_PASSWORD_FILE',
  },
  {
    reads: ['AZTM_JID', 'AZTM_PASSWORD', 'AZTM_PASSWORD_FILE'],
    blames: 'AZTM_JID',
    broken: (env) => env.AZTM_JID === undefined && passwordIn(env) !== undefined,
    remedy: 'set the account that the password belongs to',
  },
  {
    reads: ['AZTM_PASSWORD', 'AZTM_PASSWORD_FILE'],
    blames: 'AZTM_PASSWORD_FILE',
    broken: (env) => env.AZTM_PASSWORD !== undefined && env.AZTM_PASSWORD_FILE !== undefined,
    remedy: 'set this or AZTM_PASSWORD, not both: which of them counts would be a guess',
  },
  {
    reads: ['AZTM_JID', 'AZTM_REQUIRED'],
    blames: 'AZTM_JID',
    broken: (env) => env.AZTM_REQUIRED && env.AZTM_JID === undefined,
    remedy: 'set the account of the login that AZTM_REQUIRED=true asks for, or AZTM_REQUIRED=false',
  },
  {
    reads: ['AZTM_JID', 'AZTM_DOMAIN'],
    blames: 'AZTM_DOMAIN',
    broken: ({ AZTM_JID: jid, AZTM_DOMAIN: domain }) =>
      jid !== undefined && domain !== undefined && domainOf(jid) !== folded(domain),
    remedy: 'must be the part of AZTM_JID after the @, or not set; where to connect to is AZTM_HOST',
  },
  {
    reads: ['AZTM_TLS', 'AZTM_HOST', 'AZTM_ALLOW_CLEAR_TEXT'],
    blames: 'AZTM_TLS',
    broken: (env) => env.AZTM_TLS === 'off' && !isLoopback(env.AZTM_HOST) && !env.AZTM_ALLOW_CLEAR_TEXT,
    remedy:
      'off is for a server on this machine: set AZTM_HOST=127.0.0.1, or use starttls or direct; AZTM_ALLOW_CLEAR_TEXT=true consents to clear text on the network',
  },
  {
    reads: ['AZTM_ALLOW_PLAIN', 'AZTM_TLS', 'AZTM_VALIDATE_CERT'],
    blames: 'AZTM_ALLOW_PLAIN',
    broken: (env) => env.AZTM_ALLOW_PLAIN && (env.AZTM_TLS === 'off' || !env.AZTM_VALIDATE_CERT),
    remedy: 'PLAIN needs TLS with a checked certificate: anyone on the way could read the password',
  },
  {
    reads: ['AZTM_JID', 'SERVICE_MAP', 'AZTM_DEFAULT_SERVICE', 'AZTM_LOCALHOST_SERVICE'],
    blames: 'SERVICE_MAP',
    broken: (env) =>
      env.AZTM_JID !== undefined &&
      [...serviceMapOf(env).values()].some((jid) => bareOf(jid) === folded(env.AZTM_JID!)),
    remedy: 'maps a host to AZTM_JID itself, which would be a loop: a host is served by another account',
  },
];

/** Judges every rule whose variables are right for themselves, so that all problems are told at once. */
function withRules(schema: typeof Variables): typeof Variables {
  return RULES.reduce(
    (checked, { reads, blames, broken, remedy }) =>
      checked.refine((env) => !broken(env), {
        path: [blames],
        error: remedy,
        params: { betweenVariables: true },
        when: ({ issues }) =>
          !issues.some((issue) => {
            const ofRule = issue.code === 'custom' && issue.params?.['betweenVariables'] === true;
            return !ofRule && reads.includes(issue.path?.[0] as Variable);
          }),
      }),
    schema,
  );
}

/** The environment of this service: one line per variable; the documentation is generated from it. */
export const Config = withRules(Variables).transform((env) => ({
  natsUrl: env.NATS_URL,
  opsPort: env.OPS_PORT === 'off' ? null : env.OPS_PORT,
  logLevel: env.LOG_LEVEL,
  telemetry: { serviceName: env.OTEL_SERVICE_NAME, endpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT },
  drainTimeoutMs: env.DRAIN_TIMEOUT_MS,
  login:
    env.AZTM_JID === undefined || passwordIn(env) === undefined
      ? undefined
      : {
          jid: env.AZTM_JID,
          password: passwordIn(env)!,
          passwordFile: env.AZTM_PASSWORD_FILE?.path,
          host: env.AZTM_HOST,
          port: env.AZTM_PORT,
          domain: domainOf(env.AZTM_JID),
          tls: env.AZTM_TLS,
          validateCertificate: env.AZTM_VALIDATE_CERT,
          caFile: env.AZTM_CA_FILE,
          allowPlain: env.AZTM_ALLOW_PLAIN,
          fingerprint: env.AZTM_CERT_FINGERPRINT,
          channelBinding: env.AZTM_CHANNEL_BINDING,
          resource: env.AZTM_RESOURCE,
          timeoutMs: env.AZTM_XMPP_TIMEOUT * 1_000,
        },
  required: env.AZTM_REQUIRED,
  serverMode: env.AZTM_SERVER_MODE,
  peerPolicy: env.AZTM_PEER_POLICY.policy,
  peerPolicyFile: env.AZTM_PEER_POLICY.file,
  inlineLimitBytes: env.AZTM_INLINE_LIMIT_KB * 1_024,
  streamLimitBytes: env.AZTM_STREAM_LIMIT_MB * 1_024 ** 2,
  serviceMap: serviceMapOf(env),
}));
export type BridgeConfig = z.output<typeof Config>;

/**
 * The environment with what the command line says: `--no-server-mode` is AZTM_SERVER_MODE=false. Throws, with a
 * sentence for the person, where it says anything else.
 */
export function withArguments(args: readonly string[], env: Record<string, string | undefined>): typeof env {
  const unknown = args.find((each) => each !== '--no-server-mode');
  if (unknown !== undefined)
    throw new Error(`unknown argument "${unknown}"; there is --no-server-mode, the rest is set in the environment`);
  return args.length > 0 ? { ...env, AZTM_SERVER_MODE: 'false' } : env;
}

function passwordIn(env: Pick<Environment, 'AZTM_PASSWORD' | 'AZTM_PASSWORD_FILE'>): string | undefined {
  return env.AZTM_PASSWORD ?? env.AZTM_PASSWORD_FILE?.password;
}

/** JIDs and domains are compared without regard to case (RFC 7622). */
function folded(text: string): string {
  return text.normalize('NFC').toLowerCase();
}

function domainOf(bareJid: string): string {
  return folded(bareJid.slice(bareJid.indexOf('@') + 1));
}

function bareOf(jid: string): string {
  return folded(jid.split('/')[0] ?? jid);
}

function isLoopback(host: string | undefined): boolean {
  return host !== undefined && /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/.test(host);
}
