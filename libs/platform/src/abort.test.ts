import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { linkAbort } from './abort.ts';

describe('linkAbort', () => {
  it('is aborted with the first of its sources, for the same reason', () => {
    const [a, b] = [new AbortController(), new AbortController()];
    const linked = linkAbort([a.signal, b.signal]);
    b.abort('b');
    a.abort('a');
    expect(linked.signal.reason).toBe('b');
    expect(linked.timedOut).toBe(false);
  });

  it('is aborted from the start where a source is', () => {
    expect(linkAbort([AbortSignal.abort('gone')]).signal.reason).toBe('gone');
  });

  it('is aborted when the time is up, and says so', async () => {
    const linked = linkAbort([], 5);
    await new Promise((resolve) => linked.signal.addEventListener('abort', resolve));
    expect(linked.timedOut).toBe(true);
  });

  it('leaves nothing on its sources once the work is over', () => {
    const source = new AbortController();
    const linked = linkAbort([source.signal], 60_000);
    linked.signal.addEventListener('abort', () => undefined); // as libraries do
    linked.release();
    expect(getEventListeners(source.signal, 'abort')).toHaveLength(0);
    source.abort();
    expect(linked.signal.aborted).toBe(false);
  });
});
