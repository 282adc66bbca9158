import { describe, expect, it } from '@jest/globals';
import { HIDDEN, shownQuery, shownUrl } from './shown-url.ts';

describe('an address in a trace', () => {
  it.each([
    ['https://api.openai.com/v1/chat/completions', 'https://api.openai.com/v1/chat/completions'],
    ['http://a.test:8001/.well-known/agent-card.json', 'http://a.test:8001/.well-known/agent-card.json'],
    [
      'https://as.test/.well-known/oauth-authorization-server',
      'https://as.test/.well-known/oauth-authorization-server',
    ],
    ['https://u:p@a.test/mcp', 'https://a.test/mcp'],
    ['https://a.test/mcp?key=s3cret&plan', `https://a.test/mcp?key=${HIDDEN}&plan=${HIDDEN}`],
    ['https://a.test/s/ZGQ3NjM5ZTAtYzk3Yi00/mcp', `https://a.test/s/${HIDDEN}/mcp`],
    ['https://a.test/bot123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/send', `https://a.test/${HIDDEN}/send`],
    ['https://a.test/tasks/550e8400-e29b-41d4-a716-446655440000', `https://a.test/tasks/${HIDDEN}`],
    ['https://a.test/?what people wrote', `https://a.test/?${HIDDEN}`],
  ])('%s is shown as %s', (url, shown) => expect(shownUrl(new URL(url))).toBe(shown));

  it('never shows a value of a query, and says so much and no more', () => {
    const values = Array.from({ length: 40 }, (_, n) => `value${n}of`.repeat(1 + (n % 4)));
    const shown = shownQuery(values.map((one, n) => `f${n}=${one}&${one}&=${one}`).join('&')) ?? '';
    expect(shown).not.toMatch(/=value/);
    expect(shown.split('&')).toHaveLength(16);
    expect(shown.length).toBeLessThan(16 * 45);
  });
});
