import { readdirSync } from 'node:fs';
import { Server } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

/** An MCP server as a process: tells what it was given, and dies when it is asked to. */

const text = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] });

const tools = {
  surroundings: () =>
    text({
      env: { ...process.env },
      args: process.argv.slice(2),
      cwd: process.cwd(),
      files: readdirSync('.'),
      pid: process.pid,
    }),
  die: () => process.exit(3),
  ask: async ({ mcpReq }) =>
    text(await mcpReq.elicitInput({ message: 'Your name?', requestedSchema: { type: 'object', properties: {} } })),
  /** Goes on after it was told to stop, as many a server does, and asks then. */
  askLate: async ({ mcpReq }) => {
    await new Promise((resolve) => setTimeout(resolve, 700));
    return text(await mcpReq.elicitInput({ message: 'Late?', requestedSchema: { type: 'object', properties: {} } }));
  },
  wait: () => new Promise((resolve) => setTimeout(() => resolve(text('waited')), 1_500)),
  pid: () => text(process.pid),
  huge: () => text('x'.repeat(20_000_000)),
  grow: () => {
    const held = [];
    for (;;) held.push(new Array(1_000_000).fill(held.length));
  },
};

process.stderr.write('the fixture is up, password=hunter2-canary\n');
const factory = () => {
  const server = new Server({ name: 'process', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', () => ({
    tools: Object.keys(tools).map((name) => ({ name, description: `${name}.`, inputSchema: { type: 'object' } })),
  }));
  server.setRequestHandler('tools/call', ({ params }, context) => tools[params.name](context));
  return server;
};
serveStdio(factory);
