import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { parseConfig } from './config.ts';
import { flag, integer, list } from './config-values.ts';

const Config = z.object({ PORT: integer(1, 10, 5), ON: flag(false), HOSTS: list });

describe('settings of every service', () => {
  it('have a value where nothing is set', () => {
    expect(parseConfig(Config, { PORT: '' })).toEqual({ ok: true, value: { PORT: 5, ON: false, HOSTS: [] } });
  });

  it('are read from their text', () => {
    const value = { PORT: 10, ON: true, HOSTS: ['a', 'b'] };
    expect(parseConfig(Config, { PORT: '10', ON: 'true', HOSTS: ' a,,b ,' })).toEqual({ ok: true, value });
  });

  it.each(['True', 'TRUE', 'yes', 'On', '1'])('take %s for true', (ON) => {
    expect(parseConfig(Config, { ON })).toMatchObject({ ok: true, value: { ON: true } });
  });

  it('are refused where the text is none of theirs, all at once', () => {
    const parsed = parseConfig(Config, { PORT: '11', ON: 'perhaps' });
    expect(parsed.ok ? [] : parsed.problems.map(({ variable }) => variable)).toEqual(['PORT', 'ON']);
    expect(parsed).toMatchObject({ problems: [{}, { remedy: 'expected true or false' }] });
  });
});
