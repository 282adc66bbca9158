// @ts-check
import { attempt, kubectlOf } from './commands.mjs';

/* What several replicas have to agree on: requests over the Service, each over a new connection. */

/** Runs in a pod beside the release: a session of an older MCP client, whose requests come to any gateway. */
const SESSION = `
const ask = (body, session) => fetch(process.env.URL + '/mcp', { method: 'POST', body: JSON.stringify(body), headers: {
  authorization: 'Bearer ' + process.env.TOKEN, 'content-type': 'application/json', accept: 'application/json, text/event-stream',
  connection: 'close', 'mcp-protocol-version': '2025-06-18', ...(session ? { 'mcp-session-id': session } : {}) } });
const hello = await ask({ jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {},
  clientInfo: { name: 'deploy', version: '1' } } });
const session = hello.headers.get('mcp-session-id');
await hello.text();
await (await ask({ jsonrpc: '2.0', method: 'notifications/initialized' }, session)).text();
let good = 0;
for (let n = 1; n <= 20; n += 1) {
  const answer = await ask({ jsonrpc: '2.0', id: n, method: 'tools/call', params: { name: 'calculator', arguments: { expression: n + '*2' } } }, session);
  const text = await answer.text();
  if (answer.status === 200 && text.includes(String(n * 2))) good += 1; else console.error(answer.status, text.slice(0, 200));
}
console.log(session === null ? 'no session' : good);
`;

/**
 * @param {(line: string) => void} say
 * @param {string} servers namespace beside the release
 * @param {string} url of the gateway's Service
 * @param {string} token
 */
export function anyReplica(say, servers, url, token) {
  const program = ['env', `URL=${url}`, `TOKEN=${token}`, 'node', '--input-type=module', '-'];
  const { text, said } = attempt(kubectlOf('-n', servers, 'exec', '-i', 'deploy/model', '--', ...program), {
    input: SESSION,
  });
  if (text.trim() !== '20')
    throw new Error(`an MCP session at any gateway: ${text.trim()} of 20 answers; ${said.trim().slice(0, 400)}`);
  say(
    'an MCP session of an older client: 20 of 20 calls answered, each over a connection of its own to any of two gateways',
  );
}
