import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Server } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

/** An MCP server that tries what it should not be able to do, and says what came of it. */

const text = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] });
const tried = (act) => {
  try {
    return { done: act() };
  } catch (error) {
    return { refused: error.code ?? String(error) };
  }
};
const sleeper = () =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'ignore' });
    child.on('spawn', () => resolve({ child })).on('error', ({ code }) => resolve({ refused: code }));
  });

const tools = {
  read: ({ path }) => tried(() => readFileSync(path, 'utf8').slice(0, 200)),
  write: ({ path, megabytes = 0 }) =>
    tried(() => {
      const part = Buffer.alloc(1024 ** 2);
      writeFileSync(path, 'owned');
      for (let n = 0; n < megabytes; n += 1) writeFileSync(`${path}.${n}`, part);
    }),
  list: ({ path }) => tried(() => readdirSync(path)),
  /** Processes that it sees, as their command lines. */
  processes: () =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => tried(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))),
  kill: ({ pid }) => tried(() => process.kill(pid, 'SIGKILL')),
  who: () => ({
    uid: process.getuid(),
    cwd: process.cwd(),
    env: { ...process.env },
    status: readFileSync('/proc/self/status', 'utf8').match(/^(?:Cap\w+|NoNewPrivs):.*$/gm),
  }),
  connect: ({ port }) =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('connect', () => resolve({ done: 'connected' })).on('error', ({ code }) => resolve({ refused: code }));
    }),
  /** Starts processes until it cannot. */
  fork: async ({ most }) => {
    const children = [];
    for (let n = 0; n < most; n += 1) {
      const next = await sleeper();
      if (!next.child) break;
      children.push(next.child);
    }
    for (const child of children) child.kill('SIGKILL');
    return children.length;
  },
  /** A process that would outlive this one. */
  leave: ({ marker }) => {
    spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', marker], { detached: true, stdio: 'ignore' }).unref();
    return 'left';
  },
  grow: () => {
    const held = [];
    for (;;) held.push(new Array(1_000_000).fill(held.length));
  },
  spin: () => {
    for (;;) Math.random();
  },
};

serveStdio(() => {
  const server = new Server({ name: 'hostile', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', () => ({
    tools: Object.keys(tools).map((name) => ({ name, description: `${name}.`, inputSchema: { type: 'object' } })),
  }));
  server.setRequestHandler('tools/call', async ({ params }) => text(await tools[params.name](params.arguments ?? {})));
  return server;
});
