import { SERVICE_VARIABLES } from './service-variables.ts';

/*
 * Which variables of the person's environment each process of the stack is given. Pure. Guarantees:
 *  - A process gets what its own configuration declares, what the operator's files name for it, and what every program
 *    needs. A variable that nobody declares reaches nobody, whatever it is called.
 *  - What is handed on and what counts as a setting of the stack come from the same lists.
 */

export type Environment = Readonly<Record<string, string | undefined>>;
export type AppName = keyof typeof SERVICE_VARIABLES;

const APPS = Object.keys(SERVICE_VARIABLES) as AppName[];

/** Variables that every program needs: its path, the person's language and time zone. */
const BASICS = /^(PATH|HOME|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR)$/;
/** Settings of every Node.js process of ours that its configuration does not declare. */
const OF_NODE = /^(NODE_ENV|NODE_EXTRA_CA_CERTS|NODE_USE_SYSTEM_CA)$/;
/** Variables that the OpenTelemetry exporter reads by itself, in services that declare its endpoint. */
const OF_TELEMETRY = /^OTEL_/;
/** `up` decides these itself. */
const DECIDED =
  /^(NATS_URL|BUS_KEYS|(SUPABASE_)?DATABASE_URL|REDIS_URL|XMPP_URL|GATEWAY_(PORT|HOST)|OPS_(PORT|HOST)|(DEV_MODEL|MOCK_A2A)_PORT)$/;
/** Those of them that the person may set for `up`, and what is read by `up` alone. */
const OF_STACK =
  /^(NATS_URL|DATABASE_URL|REDIS_URL|XMPP_URL|GATEWAY_(PORT|HOST)|SWITCHYARD_(REPLICAS|COMPOSE|TLS)|NATS_WATCHERS|WAL_ARCHIVE_(DIR|GB))$/;

function declares(app: AppName, name: string): boolean {
  const { names, prefixes } = SERVICE_VARIABLES[app];
  if (names.includes(name) || prefixes.some((prefix) => name.startsWith(prefix))) return true;
  return OF_TELEMETRY.test(name) && names.includes('OTEL_EXPORTER_OTLP_ENDPOINT');
}

function reads(app: AppName, name: string, named: readonly string[]): boolean {
  return OF_NODE.test(name) || declares(app, name) || (app === 'mcp-tool' && named.includes(name));
}

/**
 * The part of `given` that one app gets. `named`: variables that mcp-tool's files name. An empty variable, as in a copied
 * .env.example, means that nothing was chosen.
 */
export function allowedVariables(
  app: AppName,
  given: Environment,
  named: readonly string[] = [],
): Record<string, string> {
  const kept = Object.entries(given).filter(
    ([name, value]) => value && !DECIDED.test(name) && (BASICS.test(name) || reads(app, name, named)),
  );
  return Object.fromEntries(kept) as Record<string, string>;
}

/** The environment of a program that has no settings of ours, such as a migration. */
export function basicVariables(given: Environment): Record<string, string> {
  const kept = Object.entries(given).filter(([name, value]) => value && (BASICS.test(name) || OF_NODE.test(name)));
  return Object.fromEntries(kept) as Record<string, string>;
}

/** The names of all settings of the stack that an environment holds. */
export function settingNames(given: Environment, named: readonly string[] = []): string[] {
  return Object.keys(given).filter(
    (name) =>
      given[name] && (OF_STACK.test(name) || (!DECIDED.test(name) && APPS.some((app) => reads(app, name, named)))),
  );
}

/** The services that must restart for a setting to take effect; undefined: all. */
export function readersOf(name: string, named: readonly string[] = []): readonly AppName[] | undefined {
  return OF_STACK.test(name) ? undefined : APPS.filter((app) => reads(app, name, named));
}
