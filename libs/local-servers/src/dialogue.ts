import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

interface TalkTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

function opened(port: number, tls: TalkTls | undefined): Socket {
  if (!tls) return connect({ port, host: '127.0.0.1' });
  const [ca, cert, key] = [tls.ca, tls.cert, tls.key].map((file) => readFileSync(file));
  return connectTls({ port, host: '127.0.0.1', ca, cert, key });
}

/**
 * Checks readiness by a short exchange: connects to a loopback port, sends `say` (if any), and resolves with true as
 * soon as the answer contains `hear`. False on a refusal, a close or after `limitMs`.
 */
export function hears(
  port: number,
  { say, hear, limitMs = 1_000, tls }: { say?: string; hear: string; limitMs?: number; tls?: TalkTls | undefined },
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = opened(port, tls);
    let heard = '';
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(limitMs, () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
    socket.once(tls ? 'secureConnect' : 'connect', () => say && socket.write(say));
    socket.on('data', (chunk) => {
      heard = (heard + chunk.toString('latin1')).slice(-16_384);
      if (heard.includes(hear)) finish(true);
    });
  });
}
