import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { askForTask } from '../task.mjs';

describe('the task of a run that names none', () => {
  it('is asked for at a terminal', async () => {
    const [input, output] = [Object.assign(new PassThrough(), { isTTY: true }), new PassThrough()];
    const asked = askForTask(input, output);
    input.write(' What is 2+2? \n');
    expect(await asked).toBe('What is 2+2?');
    expect(String(output.read())).toContain('What is to be done?');
  });

  it('is none where the person leaves', async () => {
    const input = Object.assign(new PassThrough(), { isTTY: true });
    const asked = askForTask(input, new PassThrough());
    input.end();
    expect(await asked).toBe('');
  });

  it('is read from what is piped in, all of it', async () => {
    expect(await askForTask(Readable.from(['first\n', 'second\n']))).toBe('first\nsecond');
    expect(await askForTask(Readable.from([]))).toBe('');
    await expect(askForTask(Readable.from(['x'.repeat(300_000)]))).rejects.toThrow(/longer than/);
  });
});
