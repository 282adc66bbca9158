import { serviceMapOf } from '@switchyard/safe-fetch';
import type { Environment, Variables } from './config-variables.ts';

/* Rules between variables, each of which is valid by itself. */

type Variable = keyof Environment;

interface Rule {
  readonly reads: readonly Variable[];
  readonly blames: Variable;
  readonly broken: (env: Environment) => boolean;
  readonly remedy: string;
}

/** The variables that determine the account (accountOf). */
const ACCOUNT: readonly Variable[] = ['AZTM_USERID', 'AZTM_JID', 'AZTM_DOMAIN'];

const RULES: readonly Rule[] = [
  {
    reads: ['AZTM_USERID', 'AZTM_DOMAIN'],
    blames: 'AZTM_USERID',
    broken: (env) => env.AZTM_USERID !== undefined && accountOf(env) === undefined,
    remedy: 'has no domain: write user@domain, or set AZTM_DOMAIN',
  },
  {
    reads: [...ACCOUNT, 'AZTM_PASSWORD', 'AZTM_PASSWORD_FILE'],
    blames: 'AZTM_PASSWORD',
    broken: (env) => accountOf(env) !== undefined && passwordIn(env) === undefined,
    remedy: 'set the password of the account (AZTM_USERID or AZTM_JID), or AZTM_PASSWORD_FILE',
  },
  {
    reads: [...ACCOUNT, 'AZTM_PASSWORD', 'AZTM_PASSWORD_FILE'],
    blames: 'AZTM_JID',
    broken: (env) => isNobody(env) && passwordIn(env) !== undefined,
    remedy: 'set the account that the password belongs to, here or in AZTM_USERID',
  },
  {
    reads: ['AZTM_PASSWORD', 'AZTM_PASSWORD_FILE'],
    blames: 'AZTM_PASSWORD_FILE',
    broken: (env) => env.AZTM_PASSWORD !== undefined && env.AZTM_PASSWORD_FILE !== undefined,
    remedy: 'set this or AZTM_PASSWORD, not both: which of them counts would be a guess',
  },
  {
    reads: [...ACCOUNT, 'AZTM_REQUIRED'],
    blames: 'AZTM_JID',
    broken: (env) => env.AZTM_REQUIRED && isNobody(env),
    remedy: 'set the account of the login that AZTM_REQUIRED=true asks for, or AZTM_REQUIRED=false',
  },
  {
    reads: ACCOUNT,
    blames: 'AZTM_DOMAIN',
    broken: (env) => {
      const [account, domain] = [accountOf(env), env.AZTM_DOMAIN];
      return account !== undefined && domain !== undefined && domainOf(account) !== folded(domain);
    },
    remedy:
      'must be the part of the account (AZTM_USERID or AZTM_JID) after the @, or not set; where to connect to is AZTM_HOST',
  },
  {
    reads: ['AZTM_TLS', 'AZTM_HOST', 'AZTM_ALLOW_CLEAR_TEXT'],
    blames: 'AZTM_TLS',
    broken: (env) => env.AZTM_TLS === 'off' && !isLoopback(env.AZTM_HOST) && !env.AZTM_ALLOW_CLEAR_TEXT,
    remedy:
      'off is for a server on this machine: set AZTM_HOST=127.0.0.1, or use starttls or direct; AZTM_ALLOW_CLEAR_TEXT=true consents to clear text on the network',
  },
  {
    reads: ['AZTM_REQUIRE_TLS', 'AZTM_TLS'],
    blames: 'AZTM_REQUIRE_TLS',
    broken: (env) => env.AZTM_REQUIRE_TLS === true && env.AZTM_TLS === 'off',
    remedy:
      'true asks for TLS, and AZTM_TLS=off forbids it: set AZTM_TLS to auto, starttls or direct, or leave this out',
  },
  {
    reads: ['AZTM_ALLOW_PLAIN', 'AZTM_TLS', 'AZTM_VALIDATE_CERT'],
    blames: 'AZTM_ALLOW_PLAIN',
    broken: (env) => env.AZTM_ALLOW_PLAIN && (env.AZTM_TLS === 'off' || !env.AZTM_VALIDATE_CERT),
    remedy: 'PLAIN needs TLS with a checked certificate: anyone on the way could read the password',
  },
  {
    reads: [...ACCOUNT, 'SERVICE_MAP', 'AZTM_DEFAULT_SERVICE', 'AZTM_LOCALHOST_SERVICE'],
    blames: 'SERVICE_MAP',
    broken: (env) => {
      const account = accountOf(env);
      return account !== undefined && [...serviceMapOf(env).values()].some((jid) => bareOf(jid) === folded(account));
    },
    remedy:
      'maps a host to the account of the login itself, which would be a loop: a host is served by another account',
  },
];

/** Checks every rule whose variables are valid, so that all problems are reported at once. */
export function withRules(schema: typeof Variables): typeof Variables {
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

/** The account of the login, user@domain: AZTM_USERID before AZTM_JID; a bare user gets AZTM_DOMAIN. */
export function accountOf({
  AZTM_USERID: user,
  AZTM_JID: jid,
  AZTM_DOMAIN: domain,
}: Pick<Environment, 'AZTM_USERID' | 'AZTM_JID' | 'AZTM_DOMAIN'>): string | undefined {
  if (user === undefined || user.includes('@')) return user ?? jid;
  return domain === undefined ? undefined : `${user}@${domain}`;
}

/** True if neither variable of the account is set. */
const isNobody = (env: Environment): boolean => env.AZTM_USERID === undefined && env.AZTM_JID === undefined;

export function passwordIn(env: Pick<Environment, 'AZTM_PASSWORD' | 'AZTM_PASSWORD_FILE'>): string | undefined {
  return env.AZTM_PASSWORD ?? env.AZTM_PASSWORD_FILE?.password;
}

/** JIDs and domains are compared without regard to case (RFC 7622). */
function folded(text: string): string {
  return text.normalize('NFC').toLowerCase();
}

export function domainOf(bareJid: string): string {
  return folded(bareJid.slice(bareJid.indexOf('@') + 1));
}

function bareOf(jid: string): string {
  return folded(jid.split('/')[0] ?? jid);
}

function isLoopback(host: string | undefined): boolean {
  return host !== undefined && /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/.test(host);
}
