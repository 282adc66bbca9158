import { describe, expect, it } from '@jest/globals';
import { allowedVariables, type AppName, readersOf, settingNames } from './allowed-variables.ts';
import { SERVICE_VARIABLES } from './service-variables.ts';

const APPS = Object.keys(SERVICE_VARIABLES) as AppName[];
const seenBy = (name: string, named: readonly string[] = []): AppName[] =>
  APPS.filter((app) => name in allowedVariables(app, { [name]: 'canary' }, named));

describe('the environment of a process', () => {
  it.each<[string, AppName[]]>([
    ['JWT_HS256_SECRET', ['gateway']],
    ['EDGE_SHARED_SECRET', ['gateway']],
    ['OPENAI_API_KEY', ['orchestrator']],
    ['MCP_STATE_SECRET', ['mcp-tool']],
    ['VAULT_KEYS', ['mcp-tool']],
    ['TOOL_SECRET_BOOKS', ['mcp-tool']],
    ['AZTM_PASSWORD', ['xmpp-bridge']],
  ])('has the secret %s in one app alone', (name, apps) => {
    expect(seenBy(name)).toEqual(apps);
  });

  it('has nothing that no configuration declares, whatever its name says', () => {
    for (const name of ['AWS_SECRET_ACCESS_KEY', 'GITHUB_TOKEN', 'SOME_UPSTREAM_TOKEN', 'NODE_OPTIONS', 'LD_PRELOAD'])
      expect(seenBy(name)).toEqual([]);
  });

  it('has a variable that the operator’s files name in mcp-tool alone', () => {
    expect(seenBy('SOME_UPSTREAM_TOKEN', ['SOME_UPSTREAM_TOKEN'])).toEqual(['mcp-tool']);
  });

  it('has what every program needs, and the settings of telemetry where there is telemetry', () => {
    for (const name of ['PATH', 'HOME', 'LC_ALL', 'TZ', 'NODE_EXTRA_CA_CERTS']) expect(seenBy(name)).toEqual(APPS);
    expect(seenBy('OTEL_EXPORTER_OTLP_HEADERS')).not.toContain('dev-model');
    expect(seenBy('OTEL_EXPORTER_OTLP_HEADERS')).toHaveLength(7);
  });

  it('has no address that `up` gives each service itself, and no empty variable', () => {
    for (const name of ['DATABASE_URL', 'SUPABASE_DATABASE_URL', 'NATS_URL', 'REDIS_URL', 'GATEWAY_HOST', 'OPS_HOST'])
      expect(seenBy(name)).toEqual([]);
    expect(allowedVariables('gateway', { JWT_ISSUER: '' })).toEqual({});
  });

  it('lets the bridge say which variables of its family it does not know', () => {
    expect(seenBy('AZTM_PASWORD')).toEqual(['xmpp-bridge']);
  });
});

describe('the settings of a stack', () => {
  it('are every variable that a service reads, security settings included', () => {
    const declared = APPS.flatMap((app) => SERVICE_VARIABLES[app].names);
    const given = Object.fromEntries(declared.map((name) => [name, 'x']));
    const decided = ['BUS_KEYS', 'OPS_PORT', 'OPS_HOST', 'DEV_MODEL_PORT', 'MOCK_A2A_PORT', 'SUPABASE_DATABASE_URL'];
    expect(new Set(settingNames(given))).toEqual(new Set(declared.filter((name) => !decided.includes(name))));
  });

  it('are not what differs from shell to shell', () => {
    expect(settingNames({ PATH: '/bin', HOME: '/root', LANG: 'C', TZ: 'UTC', TERM: 'dumb', EDITOR: 'vi' })).toEqual([]);
  });

  it('name who reads them', () => {
    expect(readersOf('APPROVAL_REQUIRED_TOOLS')).toEqual(['orchestrator']);
    expect(readersOf('UPSTREAM_TOKEN', ['UPSTREAM_TOKEN'])).toEqual(['mcp-tool']);
    expect(readersOf('GATEWAY_PORT')).toBeUndefined();
  });
});
