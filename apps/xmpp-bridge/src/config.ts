import { describeConfig, opsAccessOf, processSettings, withAztmLevel } from '@switchyard/platform';
import { serviceMapOf } from '@switchyard/safe-fetch';
import type { z } from 'zod';
import { accountOf, domainOf, passwordIn, withRules } from './config-rules.ts';
import { Variables } from './config-variables.ts';

/** The prefixes of this service: unknown variables with them are reported (`unknownVariables`). */
const Rules = withRules(Variables).meta({ prefixes: ['AZTM_', 'XMPP_'] });

export const Config = Rules.transform((env, context) => ({
  ...processSettings(env, context),
  opsPort: env.OPS_PORT === 'off' ? null : env.OPS_PORT,
  ops: opsAccessOf(env),
  logLevels: withAztmLevel(env.LOG_LEVELS, env.AZTM_LOG_LEVEL),
  login:
    accountOf(env) === undefined || passwordIn(env) === undefined
      ? undefined
      : {
          jid: accountOf(env)!,
          password: passwordIn(env)!,
          passwordFile: env.AZTM_PASSWORD_FILE?.path,
          host: env.AZTM_HOST,
          port: env.AZTM_PORT,
          domain: domainOf(accountOf(env)!),
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
  requireTls: env.AZTM_REQUIRE_TLS,
  serverMode: env.AZTM_SERVER_MODE,
  peerPolicy: env.AZTM_PEER_POLICY.policy,
  peerPolicyFile: env.AZTM_PEER_POLICY.file,
  inlineLimitBytes: env.AZTM_INLINE_LIMIT_KB * 1_024,
  streamLimitBytes: env.AZTM_STREAM_LIMIT_MB * 1_024 ** 2,
  serviceMap: serviceMapOf(env),
}));
export type BridgeConfig = z.output<typeof Config>;

/**
 * Variables with a prefix of this service that are set but unknown, such as a misspelt name: they would silently do
 * nothing.
 */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set(describeConfig(Config).flatMap(({ variable, alias }) => [variable, alias]));
  return Object.keys(env)
    .filter((name) => /^(AZTM|XMPP)_/.test(name) && name !== 'XMPP_URL' && !known.has(name))
    .sort();
}
