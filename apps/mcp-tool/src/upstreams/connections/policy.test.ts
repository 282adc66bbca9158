import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { parseUpstreams, type UpstreamConfig } from './config.ts';
import { policyOf } from './policy.ts';

const RANK = { read: 0, write: 1, destructive: 2 };

function upstream(settings: object): UpstreamConfig {
  const text = JSON.stringify({ upstreams: { crm: { url: 'https://crm.example/mcp', ...settings } } });
  const parsed = parseUpstreams(text);
  if ('mistakes' in parsed) throw new Error(JSON.stringify(parsed.mistakes));
  return parsed.upstreams[0]!;
}

const hints = fc.record(
  { readOnlyHint: fc.boolean(), destructiveHint: fc.boolean(), idempotentHint: fc.boolean() },
  { requiredKeys: [] },
);
const kinds = fc.constantFrom('read', 'write', 'destructive');

describe('what an upstream says of a tool', () => {
  it('raises it to destructive and lowers it never, also over the defaults of the upstream', () => {
    const settings = fc.record({
      trust: fc.constantFrom('trusted', 'untrusted'),
      defaults: fc.record({ kind: kinds }, { requiredKeys: [] }),
    });
    fc.assert(
      fc.property(settings, hints, (given, annotations) => {
        const crm = upstream(given);
        const silent = policyOf(crm, { name: 'pay' });
        const said = policyOf(crm, { name: 'pay', annotations });
        expect(RANK[said.kind]).toBeGreaterThanOrEqual(RANK[silent.kind]);
        if (annotations.destructiveHint === true) expect(said.kind).toBe('destructive');
        else expect(said).toEqual(silent);
      }),
    );
  });

  it('changes nothing where the operator set the kind of just this tool', () => {
    fc.assert(
      fc.property(kinds, hints, (kind, annotations) => {
        const crm = upstream({ tools: { pay: { kind } } });
        expect(policyOf(crm, { name: 'pay', annotations }).kind).toBe(kind);
      }),
    );
  });

  it('takes from a raised tool that it may be repeated because reading may', () => {
    const crm = upstream({ defaults: { kind: 'read', idempotency: 'safe' }, tools: { pay: { idempotency: 'key' } } });
    const annotations = { destructiveHint: true };
    expect(policyOf(crm, { name: 'wipe', annotations }).idempotency).toBe('none');
    expect(policyOf(crm, { name: 'pay', annotations }).idempotency).toBe('key');
    expect(policyOf(crm, { name: 'look' }).idempotency).toBe('safe');
  });
});
