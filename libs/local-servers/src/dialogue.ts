import { connect } from 'node:net';

/**
 * Readiness by a short talk: connects to a loopback port, sends `say` (if any), and is true as soon as what came
 * back contains `hear`. False on a refusal, a close or after `limitMs`.
 */
export function hears(
  port: number,
  { say, hear, limitMs = 1_000 }: { say?: string; hear: string; limitMs?: number },
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let heard = '';
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(limitMs, () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
    socket.once('connect', () => say && socket.write(say));
    socket.on('data', (chunk) => {
      heard = (heard + chunk.toString('latin1')).slice(-16_384);
      if (heard.includes(hear)) finish(true);
    });
  });
}
