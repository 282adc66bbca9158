import { describe, expect, it } from '@jest/globals';
import { AppError } from '@switchyard/contracts';
import { RedirectRefused } from '@switchyard/safe-fetch';
import { agentFetch, retryAfterMs } from './agent-fetch.ts';
import { HttpRefusal, sendFailure } from './send-failure.ts';

const withCode = (code: string) => new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code }) });

describe('what may be sent again', () => {
  it.each([
    ['a refused connection', withCode('ECONNREFUSED'), 'not_sent'],
    ['an unknown host', withCode('ENOTFOUND'), 'not_sent'],
    ['429', new HttpRefusal(429, 1_000), 'not_sent'],
    ['503', new HttpRefusal(503, undefined), 'not_sent'],
    ['a reset connection', withCode('ECONNRESET'), 'unknown'],
    ['502 of a gateway', new HttpRefusal(502, undefined), 'unknown'],
    ['a timeout', new DOMException('late', 'TimeoutError'), 'unknown'],
    ['a blocked address', Object.assign(new Error('blocked'), { code: 'egress_blocked' }), 'refused'],
    ['a redirect, which may come after the work', new RedirectRefused(), 'unknown'],
    ['no login at the bridge', new AppError('unavailable'), 'not_sent'],
    ['an agent that is offline on XMPP', new AppError('agent_unreachable'), 'not_sent'],
    ['a full bridge', new AppError('overloaded'), 'not_sent'],
    ['an agent that does not let us call it over XMPP', new AppError('forbidden'), 'refused'],
    ['a login that was lost while the agent worked', new AppError('upstream_failed'), 'unknown'],
    ['an agent that did not answer over XMPP in time', new AppError('upstream_timeout'), 'unknown'],
    ['401', new HttpRefusal(401, undefined), 'refused'],
    ['404', new HttpRefusal(404, undefined), 'refused'],
    ['anything else', new Error('?'), 'unknown'],
  ])('%s', (_, error, kind) => {
    expect(sendFailure(error).kind).toBe(kind);
  });

  it('says nothing of the error itself', () => {
    const failure = sendFailure(new Error('connect to 10.0.0.5 with token abc'));
    expect(JSON.stringify(failure)).not.toMatch(/10\.0\.0\.5|abc/);
  });

  it('reads Retry-After in seconds or as a date, bounded', () => {
    expect(retryAfterMs('2')).toBe(2_000);
    expect(retryAfterMs('86400')).toBe(30_000);
    expect(retryAfterMs(new Date(5_000).toUTCString(), 1_000)).toBe(4_000);
    expect(retryAfterMs('soon')).toBeUndefined();
    expect(retryAfterMs(null)).toBeUndefined();
  });

  it('makes a status out of an HTTP error, before the client reads its text', async () => {
    const busy = agentFetch(() =>
      Promise.resolve(new Response('<h1>no</h1>', { status: 503, headers: { 'retry-after': '1' } })),
    );
    await expect(busy('https://x.example')).rejects.toMatchObject({ status: 503, retryAfterMs: 1_000 });
    const json = agentFetch(() => Promise.resolve(Response.json({ jsonrpc: '2.0' }, { status: 400 })));
    expect((await json('https://x.example')).status).toBe(400);
  });
});
