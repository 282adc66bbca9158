import { describe, expect, it } from '@jest/globals';
import { eventLogger } from './event-logger.ts';
import { errorEvent, infoEvent, warnEvent } from './log-event.ts';
import { createLogger } from './log.ts';

const logEvent = eventLogger({
  lease_lost: warnEvent('Another replica took over the lease.', 'Nothing.'),
  peer_refused: errorEvent('{peer} refused {count} requests.', 'Ask its operator.'),
  started: infoEvent('Ready.'),
});

function logged(level = 'info') {
  const lines: string[] = [];
  const log = createLogger({ app: 'test', level, destination: { write: (line) => void lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? 'null') as Record<string, unknown> };
}

describe('a log event', () => {
  it('is a line with its key, its level and its sentence', () => {
    const { log, last } = logged();
    logEvent(log, 'lease_lost', { lease: 'inbound' });
    expect(last()).toMatchObject({
      event: 'lease_lost',
      level: 'warn',
      lease: 'inbound',
      message: 'Another replica took over the lease.',
    });
    logEvent(log, 'started');
    expect(last()).toMatchObject({ event: 'started', level: 'info', message: 'Ready.' });
  });

  it('puts fields into its sentence as they are, without reading them as a template', () => {
    const { log, last } = logged();
    logEvent(log, 'peer_refused', { peer: '{count} $& %s', count: 3 });
    expect(last()['message']).toBe('{count} $& %s refused 3 requests.');
  });

  it('hides secrets in its fields and in its sentence', () => {
    const { log, lines } = logged();
    logEvent(log, 'peer_refused', { peer: 'Bearer abcdefghijklmnopqrstuvwxyz', count: 1, password: 'hunter2-canary' });
    expect(lines.join('')).not.toMatch(/abcdefghijklmnop|hunter2-canary/);
  });

  it('keeps its key, whatever untrusted text the fields hold', () => {
    const { log, lines } = logged();
    const strange = JSON.parse('{"event":"started"}') as object;
    logEvent(log, 'lease_lost', { ...strange });
    expect(lines[0]).toContain('"event":"lease_lost"');
    expect(lines[0]).not.toContain('started');
  });

  it('is nothing below the level of the logger, and nothing without a logger', () => {
    const { log, lines } = logged('error');
    logEvent(log, 'lease_lost');
    logEvent(undefined, 'lease_lost');
    expect(lines).toEqual([]);
  });

  it('that several services share is known in each of them', () => {
    const { log, last } = logged();
    logEvent(log, 'redis_unreachable', { effect: 'each replica counts requests alone' });
    expect(last()['message']).toBe('Redis does not answer; each replica counts requests alone.');
  });

  it('cannot be written by another name, or without the fields of its sentence', () => {
    const { log } = logged('silent');
    // @ts-expect-error -- no such event
    expect(() => logEvent(log, 'lease_lots')).toThrow();
    // @ts-expect-error -- the sentence names the peer and the count
    logEvent(log, 'peer_refused', { count: 1 });
    // @ts-expect-error -- the sentence belongs to the event
    logEvent(log, 'lease_lost', { message: 'another sentence' });
  });
});
