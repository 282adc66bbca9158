import { describe, expect, it } from '@jest/globals';
import { clientErrorAnswer } from './client-error.ts';

describe('what is no request', () => {
  it('is closed without an answer where nothing of it was read: an EventSource comes back then', () => {
    expect(clientErrorAnswer('ERR_HTTP_REQUEST_TIMEOUT', 0)).toBeNull();
    expect(clientErrorAnswer('ECONNRESET', 17)).toBeNull();
  });

  it.each([
    ['ERR_HTTP_REQUEST_TIMEOUT', 'HTTP/1.1 408 Request Timeout', 408],
    ['HPE_HEADER_OVERFLOW', 'HTTP/1.1 431 Request Header Fields Too Large', 431],
    ['HPE_INVALID_METHOD', 'HTTP/1.1 400 Bad Request', 400],
  ])('is refused with a problem: %s', (code, line, status) => {
    const [head = '', body = ''] = clientErrorAnswer(code, 17)!.split('\r\n\r\n');
    expect(head.startsWith(line)).toBe(true);
    expect(head).toContain(`content-length: ${body.length}`);
    expect(JSON.parse(body)).toMatchObject({ status, code: 'invalid_input', detail: expect.any(String) });
  });
});
