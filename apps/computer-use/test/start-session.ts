import { Session, SessionFiles } from '../src/display/index.ts';

/* Starts a session and waits to be killed: the service of a test that dies. */

const root = process.argv[2] as string;
const session = await Session.start({ width: 640, height: 400, rows: new SessionFiles(root), root });
await session.launch({ command: 'sleep', args: ['1000'] });
process.stdout.write(JSON.stringify({ sessionId: session.id, uid: session.uid }));
setInterval(() => undefined, 1_000);
