import { createHmac } from 'node:crypto';
import { type AppName, type Environment, readersOf, settingNames } from './allowed-variables.ts';
import { SERVICE_APPS } from './environment.ts';

/** Name -> fingerprint of every setting of the stack that the environment names. `key`: of this clone (settings-key.ts). */
export function settingsOf(
  environment: Environment,
  key: Uint8Array,
  named: readonly string[] = [],
): Record<string, string> {
  const fingerprint = (name: string): string =>
    createHmac('sha256', key).update(`${name}=${environment[name]}`).digest('base64url').slice(0, 22);
  return Object.fromEntries(settingNames(environment, named).map((name) => [name, fingerprint(name)]));
}

/**
 * The settings that this call asks for and the running stack does not have. What this call does not mention stays
 * as it is: a second shell without the variables uses the stack as it runs.
 */
export function changedSettings(
  running: Readonly<Record<string, string>>,
  asked: Readonly<Record<string, string>>,
): string[] {
  return Object.keys(asked).filter((name) => running[name] !== asked[name]);
}

/** The settings that the running stack was started with and this call does not mention. */
export function unmentionedSettings(
  running: Readonly<Record<string, string>>,
  asked: Readonly<Record<string, string>>,
): string[] {
  return Object.keys(running).filter((name) => name !== 'GATEWAY_PORT' && !(name in asked));
}

/** `LOG_LEVEL (every service), JWT_ISSUER (gateway)`: settings with those who read them. */
export function withReaders(names: readonly string[], named: readonly string[] = []): string {
  const shown = (apps: readonly AppName[] | undefined): string => {
    if (apps === undefined) return 'the whole stack';
    return SERVICE_APPS.every((app) => apps.includes(app)) ? 'every service' : apps.join(', ');
  };
  return names.map((name) => `${name} (${shown(readersOf(name, named))})`).join(', ');
}

const DEFAULT_GATEWAY_PORT = 8000;

/** The address for the gateway to listen on. Throws a message for the person. */
export function gatewayAddress(environment: Environment): { host: string; port: number } {
  const text = environment['GATEWAY_PORT'] || String(DEFAULT_GATEWAY_PORT);
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`GATEWAY_PORT must be 1 to 65535; it is "${text}"`);
  return { host: environment['GATEWAY_HOST'] || '127.0.0.1', port };
}

/** One line about the model that plans. */
export function modelLine(environment: Environment): string {
  const { OPENAI_API_KEY: key, OPENAI_BASE_URL: url, OPENAI_MODEL: model = 'gpt-4.1-mini' } = environment;
  if (!key) return 'apps/dev-model, a deterministic stand-in: OPENAI_API_KEY is not set';
  return `${model} at ${url ? withoutCredentials(url) : 'https://api.openai.com/v1'}`;
}

function withoutCredentials(url: string): string {
  return URL.canParse(url) ? new URL(url).origin + new URL(url).pathname : 'OPENAI_BASE_URL';
}
