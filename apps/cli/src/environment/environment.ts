import { allowedVariables, type AppName, type Environment } from './allowed-variables.ts';
import { SERVICE_VARIABLES } from './service-variables.ts';
import { hasOwnLogin, PARTNER_HOST, PARTNER_JID } from './xmpp-login.ts';

/*
 * What each service gets to see. Pure, and the one place that decides it: credentials of its own for each service
 * slot in here. Guarantees:
 *  - A setting of the person's environment wins over a development default.
 *  - A service sees the variables that its own configuration declares, and none of another service.
 */

export type { Environment };

/** Apps that are started for development alone, and the computer-use agent, which `up` does not start. */
const NO_SERVICES = ['dev-model', 'mock-a2a', 'computer-use'] as const;
export type ServiceApp = Exclude<AppName, (typeof NO_SERVICES)[number]>;
export const SERVICE_APPS = (Object.keys(SERVICE_VARIABLES) as AppName[]).filter(
  (app): app is ServiceApp => !NO_SERVICES.some((other) => other === app),
);

/** The addresses of the running stack's parts. */
export interface StackAddresses {
  readonly root: string;
  /** Per service, which has logins and keys of its own: the variables for the servers that it uses, and no others. */
  accessOf(app: ServiceApp): Readonly<Record<string, string>>;
  /** The bearer token for the metrics of a service. */
  readonly opsToken: string;
  /** The keys that sign the card of this clone. */
  readonly signingKeys: string;
  /** Variables that the operator's files name, for mcp-tool. */
  readonly namedVariables: readonly string[];
  readonly gateway: { readonly host: string; readonly port: number };
  /** Absent where a real model is used. */
  readonly devModelPort?: number;
  readonly mockA2aPort: number;
  /** AZTM_* of the account on the private XMPP server; absent where the server is not ours. */
  readonly xmppLogin?: Readonly<Record<string, string>> | undefined;
}

const joined = (...lists: readonly (string | undefined)[]): string => lists.filter(Boolean).join(',');

function hostOf(url: string | undefined): string | undefined {
  return url && URL.canParse(url) ? new URL(url).host : undefined;
}

/** True where the person brought a model of their own. */
export function hasOwnModel(environment: Environment): boolean {
  return Boolean(environment['OPENAI_API_KEY']);
}

/** The partner of the quick start, who is there while `demo federation` runs; the person's own map takes its place. */
function hasPartner(stack: StackAddresses, given: Environment): boolean {
  return stack.xmppLogin !== undefined && !hasOwnLogin(given) && !given['SERVICE_MAP'] && !given['AZTM_SERVICE_MAP'];
}

function agentsOf(stack: StackAddresses, given: Environment): string {
  const mock = { url: `http://127.0.0.1:${stack.mockA2aPort}` };
  const partner = hasPartner(stack, given) ? [{ url: `http://${PARTNER_HOST}`, optional: true }] : [];
  return given['A2A_AGENTS'] || JSON.stringify([mock, ...partner]);
}

function settingsOf(app: ServiceApp, stack: StackAddresses, given: Environment): Record<string, string> {
  const devModel = stack.devModelPort === undefined ? undefined : `127.0.0.1:${stack.devModelPort}`;
  // A model that the person names, perhaps on this machine, may be called.
  const ownModel = devModel ? undefined : hostOf(given['OPENAI_BASE_URL']);
  const egress = joined(given['EGRESS_ALLOW_HOSTS'], devModel, ownModel, `127.0.0.1:${stack.mockA2aPort}`);
  switch (app) {
    case 'gateway':
      return {
        GATEWAY_PORT: String(stack.gateway.port),
        GATEWAY_HOST: stack.gateway.host,
        IDENTITY_MODE: given['IDENTITY_MODE'] || 'dev',
      };
    case 'orchestrator':
      return {
        EGRESS_ALLOW_HOSTS: egress,
        ...(devModel ? { OPENAI_BASE_URL: `http://${devModel}/v1`, OPENAI_API_KEY: 'dev' } : {}),
      };
    case 'mcp-tool':
      return {
        EGRESS_ALLOW_HOSTS: egress,
        PUBLIC_URL: given['PUBLIC_URL'] || `http://127.0.0.1:${stack.gateway.port}`,
        // A value for development; the mock weather tool asks for one so that the credential path is exercised.
        MOCK_WEATHER_TOOL_API_KEY: given['MOCK_WEATHER_TOOL_API_KEY'] || 'dev-weather-key',
      };
    case 'a2a':
      return {
        EGRESS_ALLOW_HOSTS: egress,
        A2A_AGENTS: agentsOf(stack, given),
        A2A_SIGNING_KEYS: given['A2A_SIGNING_KEYS'] || stack.signingKeys,
      };
    case 'audit':
      return { LOG_TREE_DIR: given['LOG_TREE_DIR'] || `${stack.root}/logs` };
    case 'xmpp-bridge':
      return hasOwnLogin(given) ? {} : { ...stack.xmppLogin };
    default:
      return {};
  }
}

/** The whole environment of one service. `opsPort`: where its /health, /readiness and /metrics are. */
export function serviceEnvironment(
  app: ServiceApp,
  opsPort: number,
  stack: StackAddresses,
  given: Environment,
): Record<string, string> {
  return {
    ...allowedVariables(app, given, stack.namedVariables),
    ...stack.accessOf(app),
    OPS_PORT: String(opsPort),
    OPS_HOST: '127.0.0.1',
    OPS_TOKEN: given['OPS_TOKEN'] || stack.opsToken,
    LOG_LEVEL: given['LOG_LEVEL'] || 'info',
    NODE_ENV: given['NODE_ENV'] || 'development',
    // Every service must know which hosts are never called over the network.
    ...(hasPartner(stack, given) ? { SERVICE_MAP: JSON.stringify({ [PARTNER_HOST]: PARTNER_JID }) } : {}),
    ...settingsOf(app, stack, given),
  };
}

/** The environment of the development model or the mock agent. */
export function developmentEnvironment(
  app: 'dev-model' | 'mock-a2a',
  own: Record<string, string>,
  given: Environment,
): Record<string, string> {
  return { ...allowedVariables(app, given), LOG_LEVEL: given['LOG_LEVEL'] || 'info', ...own };
}

/** How many of each app to run: `orchestrator=2,gateway=1`. Throws a message for the person. */
export function parseReplicas(text: string | undefined): Readonly<Partial<Record<ServiceApp, number>>> {
  const replicas: Partial<Record<ServiceApp, number>> = {};
  for (const part of (text ?? '')
    .split(',')
    .map((p) => p.trim())
    .filter(Boolean)) {
    const [name, count] = part.split('=');
    const app = SERVICE_APPS.find((known) => known === name);
    const number = Number(count);
    if (!app || !Number.isInteger(number) || number < 1 || number > 8) {
      throw new Error(`replicas: expected <app>=<1 to 8>, with an app of ${SERVICE_APPS.join(', ')}; got "${part}"`);
    }
    if (app === 'gateway' && number > 1)
      throw new Error('replicas: the gateway listens on one port, so there is one of it');
    replicas[app] = number;
  }
  return replicas;
}

/** Names of the processes of one app: `orchestrator`, `orchestrator-2`. */
export function replicaNames(app: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => (n === 0 ? app : `${app}-${n + 1}`));
}
