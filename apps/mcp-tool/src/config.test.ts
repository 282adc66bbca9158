import { describe, expect, it } from '@jest/globals';
import { parseConfig } from '@switchyard/platform';
import { Config } from './config.ts';

describe('configuration', () => {
  it('needs a database and its keys on the bus, and nothing else', () => {
    expect(parseConfig(Config, { BUS_TRUST: 'open' })).toMatchObject({
      ok: false,
      problems: [{ variable: 'DATABASE_URL' }],
    });
    expect(parseConfig(Config, { DATABASE_URL: 'postgres://db' })).toMatchObject({
      ok: false,
      problems: [{ variable: 'BUS_KEYS' }],
    });
    expect(parseConfig(Config, { BUS_TRUST: 'open', DATABASE_URL: 'postgres://db' })).toMatchObject({
      ok: true,
      value: { database: { url: 'postgres://db' }, credentials: { MOCK_WEATHER_TOOL_API_KEY: undefined } },
    });
  });

  it('takes the database under its other name', () => {
    expect(parseConfig(Config, { BUS_TRUST: 'open', SUPABASE_DATABASE_URL: 'postgres://db' })).toMatchObject({
      ok: true,
    });
  });

  it('names every problem at once and shows no credential', () => {
    const parsed = parseConfig(Config, {
      BUS_TRUST: 'open',
      DATABASE_URL: 'postgres://user:canary-31415@db',
      MOCK_WEATHER_TOOL_API_KEY: 'canary-31415',
      OPS_PORT: '-1',
      LOG_LEVEL: 'loud',
    });
    expect(parsed).toMatchObject({ ok: false, problems: [{ variable: 'LOG_LEVEL' }, { variable: 'OPS_PORT' }] });
    expect(JSON.stringify(parsed)).not.toContain('canary');
  });
});
