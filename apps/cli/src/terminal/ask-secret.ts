import type { ReadStream } from 'node:tty';

const MAX_CHARS = 1_024;

/** Asks at the terminal without showing what is typed. Undefined: Ctrl-C, Ctrl-D, or nothing was typed. */
export function askSecret(
  question: string,
  terminal: Pick<ReadStream, 'setRawMode' | 'on' | 'off' | 'resume' | 'pause'>,
  show: (text: string) => void,
): Promise<string | undefined> {
  show(question);
  terminal.setRawMode(true);
  return new Promise((resolve) => {
    let typed: string[] = [];
    const end = (answer: string | undefined): void => {
      terminal.off('data', onData);
      terminal.setRawMode(false);
      terminal.pause();
      show('\n');
      resolve(answer === '' ? undefined : answer);
    };
    const onData = (bytes: Buffer): void => {
      for (const key of bytes.toString('utf8')) {
        if (key === '\r' || key === '\n') return end(typed.join(''));
        if (key === '\u0003' || key === '\u0004') return end(undefined);
        if (key === '\u007f' || key === '\b') typed = typed.slice(0, -1);
        else if (key === '\u0015')
          typed = []; // Ctrl-U
        else if (key >= ' ' && typed.length < MAX_CHARS) typed.push(key);
      }
    };
    terminal.on('data', onData);
    terminal.resume();
  });
}
