import { expect, it } from '@jest/globals';
import { xml } from '@xmpp/client';
import { IqError } from '../session/iq-registry.ts';
import { isLate, toAppError } from './errors.ts';

it.each([
  ['the time of the question was over', new IqError('deadline', '', 'unknown'), 99, true],
  ['the time of the call was over first', new IqError('cancelled', '', 'unknown'), 100, true],
  ['its caller left before', new IqError('cancelled', '', 'unknown'), 99, false],
  ['it was never asked', new IqError('cancelled', '', 'not_sent'), 100, false],
  ['the connection was lost', new IqError('connection_lost', '', 'unknown'), 100, false],
  ['something else broke', new Error('a defect'), 100, false],
])('a peer is late, or not, where %s', (_when, error, now, late) => {
  expect(isLate(error, 100, now)).toBe(late);
});

it('says of a peer that takes no HTTP over XMPP that it does not support it', () => {
  const stanza = xml('iq', { type: 'error' }, xml('error', { type: 'cancel' }, xml('feature-not-implemented')));
  const refused = new IqError('refused', 'refused', 'refused', stanza);
  expect(toAppError(refused, 'shop@peer.example')).toMatchObject({ code: 'not_supported' });
});
