import { describe, expect, it } from '@jest/globals';
import { cookieOf, setCookie } from './cookies.ts';

describe('the cookies of this server', () => {
  it('are read by their whole name', () => {
    expect(cookieOf('a=1; attempt=x%20y.z; b=2', 'attempt')).toBe('x y.z');
    expect(cookieOf('my-attempt=1', 'attempt')).toBeUndefined();
    expect(cookieOf(undefined, 'attempt')).toBeUndefined();
  });

  it('count for nothing where one was sent twice: another page may have set the second', () => {
    expect(cookieOf('attempt=mine; attempt=theirs', 'attempt')).toBeUndefined();
    expect(cookieOf('attempt=mine;attempt =theirs', 'attempt')).toBeUndefined();
  });

  it('are hidden from scripts, and from other paths and sites', () => {
    const cookie = setCookie('attempt', 'x', { path: '/api/mcp/auth', maxAgeS: 600, secure: true });
    expect(cookie.split('; ').sort()).toEqual(
      ['attempt=x', 'HttpOnly', 'Max-Age=600', 'Path=/api/mcp/auth', 'SameSite=Lax', 'Secure'].sort(),
    );
  });
});
