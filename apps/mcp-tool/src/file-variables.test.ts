import { describe, expect, it } from '@jest/globals';
import { variablesInFiles } from './file-variables.ts';

const upstreams = `upstreams:
  hosted:
    url: https://mcp.example/mcp
    headers: { x-key: "a \${HEADER_KEY} b" }
  local:
    command: helper
    env: [PROCESS_TOKEN, HOME]
  own:
    url: https://own.example/mcp
    auth: service
    oauth: { issuer: https://id.example, client_id: us, client_secret_env: OAUTH_SECRET }
`;
const providers = `providers:
  github: { issuer: https://github.example, client_id: x, client_secret_env: PROVIDER_SECRET }
`;

describe('the variables that the operator’s files name', () => {
  it('are those of headers, processes, credentials and providers, each once', () => {
    expect(variablesInFiles({ upstreams, providers })).toEqual([
      'HEADER_KEY',
      'HOME',
      'OAUTH_SECRET',
      'PROCESS_TOKEN',
      'PROVIDER_SECRET',
    ]);
  });

  it('are none where a comment names one, where there is no file, and where a file is wrong', () => {
    expect(variablesInFiles({ upstreams: '# ${NOT_MEANT}\nupstreams: {}\n' })).toEqual([]);
    expect(variablesInFiles({})).toEqual([]);
    expect(variablesInFiles({ upstreams: 'upstreams: { a: { env: [X] } }', providers: ': :' })).toEqual([]);
  });
});
