// @ts-check
import { createServer } from 'node:http';
import { HttpAgent } from '@ag-ui/client';
import { CopilotRuntime } from '@copilotkit/runtime/v2';
import { createCopilotNodeListener } from '@copilotkit/runtime/v2/node';

/*
 * A CopilotKit runtime as an application has it, with one agent: Switchyard.
 * `node runtime.mjs <url of /ag-ui> <user>`: the first line of its output is the runtime's own address.
 */

const [url = '', user = ''] = process.argv.slice(2);
const runtime = new CopilotRuntime({ agents: { switchyard: new HttpAgent({ url, headers: { 'X-User-Id': user } }) } });
const server = createServer(createCopilotNodeListener({ runtime, basePath: '/api/copilotkit' }));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object')
    process.stdout.write(`http://127.0.0.1:${address.port}/api/copilotkit\n`);
});
