import { describe, expect, it } from '@jest/globals';
import { parseUrl } from './server-url.ts';

describe('parseUrl', () => {
  it.each([
    ['nats://127.0.0.1:4222', { server: ['127.0.0.1:4222'] }],
    ['nats://gateway:p%40ss@host', { server: ['host:4222'], user: 'gateway', pass: 'p@ss' }],
    ['nats://t0ken@host:1', { server: ['host:1'], token: 't0ken' }],
    ['a:1, b:2', { server: ['a:1', 'b:2'] }],
  ])('reads %s', (text, parts) => {
    expect(parseUrl(text)).toEqual(parts);
  });
});
