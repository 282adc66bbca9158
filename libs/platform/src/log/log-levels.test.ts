import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { fc } from '@switchyard/testing/property';
import { parseConfig } from '../config.ts';
import { LEVELS, levelOf, levelOfPart, LOG_VARIABLES, unknownParts, withAztmLevel } from './log-levels.ts';
import { AZTM_LOGGERS, isLogPart, LOG_PARTS } from './log-parts.ts';

const Config = z.object(LOG_VARIABLES);
const levels = (text: string) => {
  const parsed = parseConfig(Config, { LOG_LEVELS: text });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value.LOG_LEVELS;
};

describe('a level', () => {
  it('is known in any spelling, and in the words of other loggers', () => {
    const anyCase = fc
      .constantFrom(...LEVELS)
      .chain((level) =>
        fc
          .array(fc.boolean(), { minLength: level.length, maxLength: level.length })
          .map((up) => [level, [...level].map((c, n) => (up[n] ? c.toUpperCase() : c)).join('')] as const),
      );
    fc.assert(fc.property(anyCase, ([level, text]) => levelOf(` ${text} `) === level));
    expect(['WARNING', 'Critical', 'NOTSET', 'off'].map(levelOf)).toEqual(['warn', 'fatal', 'trace', 'silent']);
  });

  it('that is none is a problem of the configuration, with name, value and remedy', () => {
    for (const text of ['loud', '5', 'toString'])
      expect(parseConfig(Config, { LOG_LEVEL: text })).toEqual({
        ok: false,
        problems: [{ variable: 'LOG_LEVEL', value: text, remedy: expect.stringContaining('expected trace, debug') }],
      });
  });
});

describe('levels of parts', () => {
  it('are those of the part, then of its service, then LOG_LEVEL', () => {
    const own = levels('xmpp-bridge.login=DEBUG, bus=warn,gateway=Error,gateway.bus=trace');
    const of = (app: string, part?: string) => levelOfPart(own, app, part, 'info');
    expect([of('xmpp-bridge', 'login'), of('xmpp-bridge', 'stream'), of('xmpp-bridge')]).toEqual([
      'debug',
      'info',
      'info',
    ]);
    expect([of('audit', 'bus'), of('gateway', 'bus'), of('gateway', 'mcp'), of('gateway')]).toEqual([
      'warn',
      'trace',
      'error',
      'error',
    ]);
    expect(of('orchestrator', 'runs')).toBe('info');
  });

  it('take the names of the loggers of the AZTM library, the closer name winning', () => {
    expect(levels('aztm.core=trace,aztm=debug').of).toEqual({
      'xmpp-bridge.login': 'trace',
      'xmpp-bridge.stream': 'debug',
      'xmpp-bridge.interceptor': 'debug',
    });
    expect(levels('aztm=debug,xmpp-bridge.stream=error').of['xmpp-bridge.stream']).toBe('error');
  });

  it('AZTM_LOG_LEVEL is for the AZTM loggers alone, and yields to LOG_LEVELS', () => {
    const own = withAztmLevel(levels('slixmpp=warn,xmpp-bridge=error'), 'debug');
    const of = (app: string, part?: string) => levelOfPart(own, app, part, 'info');
    expect([of('xmpp-bridge', 'login'), of('xmpp-bridge', 'stream'), of('xmpp-bridge', 'bus')]).toEqual([
      'debug',
      'warn',
      'error',
    ]);
    expect(of('gateway', 'bus')).toBe('info');
    expect(withAztmLevel(levels(''), undefined).of).toEqual({});
  });

  it('a part that there is not is told, and keeps nothing from starting', () => {
    const own = levels('xmpp-brigde.login=debug,bus=warn,constructor=info');
    expect(own.of).toEqual({ bus: 'warn' });
    expect(unknownParts(own)).toMatch(/^LOG_LEVELS names "xmpp-brigde.login", "constructor", .*xmpp-bridge\.login/);
    expect(unknownParts(levels(''))).toBeUndefined();
  });

  it.each(['bus', 'bus=', 'bus=loud', '=debug', 'bus=warn=info', 'bus=warn, gateway'])(
    'refuses LOG_LEVELS=%s',
    (text) => {
      expect(parseConfig(Config, { LOG_LEVELS: text })).toMatchObject({
        ok: false,
        problems: [{ variable: 'LOG_LEVELS', value: text }],
      });
    },
  );

  it('never throw, whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseConfig(Config, { LOG_LEVELS: text, LOG_LEVEL: text });
      }),
    );
  });

  it('knows what it lists', () => {
    for (const part of Object.keys(LOG_PARTS)) expect(isLogPart(part)).toBe(true);
    for (const part of Object.values(AZTM_LOGGERS).flat()) expect(isLogPart(part)).toBe(true);
    expect(['audit.store', 'bus.bus', 'nobody.bus', 'gateway.http.bus', ''].map(isLogPart)).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
