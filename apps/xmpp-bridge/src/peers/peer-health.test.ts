import { describe, expect, it } from '@jest/globals';
import { PeerHealth } from './peer-health.ts';

const PEER = 'bob@x.y';

describe('a peer', () => {
  it('that is offline again and again is not asked for a moment, and then once more', () => {
    const health = new PeerHealth();
    for (let n = 0; n < 5; n += 1) {
      expect(health.before(PEER, 0)).toBe('call');
      health.tell(PEER, 'offline', 0);
    }
    expect([health.before(PEER, 999), health.before(PEER, 1_001)]).toEqual(['give up', 'call']);
    health.tell(PEER, 'answered', 1_001);
    expect(health.before(PEER, 1_001)).toBe('call');
  });

  it('that let two deadlines pass is asked something small first, until it answers or shows up', () => {
    const health = new PeerHealth();
    health.tell(PEER, 'late', 0);
    expect(health.before(PEER, 0)).toBe('call');
    health.tell(PEER, 'late', 0);
    expect(health.before(PEER, 0)).toBe('ask first');
    health.forget(PEER);
    expect(health.before(PEER, 0)).toBe('call');
  });
});
