import { describe, expect, it } from '@jest/globals';
import type { Principal } from '@switchyard/contracts';
import { HeaderSchemas } from './header-schemas.ts';

const ANN: Principal = { tenantId: 't', userId: 'ann', role: 'user', via: 'jwt' };
const schema = { type: 'object' };

describe('the tools that want arguments as headers', () => {
  it('are asked for once for all calls of a moment, and again where nobody could tell', async () => {
    let asked = 0;
    let fails = true;
    const schemas = new HeaderSchemas(() => {
      asked += 1;
      return fails ? Promise.reject(new Error('away')) : Promise.resolve(new Map([['region', schema]]));
    });
    const both = () => Promise.all([schemas.find(ANN, 'region'), schemas.find(ANN, 'other')]);
    expect([await both(), asked]).toEqual([[undefined, undefined], 1]);
    fails = false;
    expect([await both(), asked]).toEqual([[schema, undefined], 2]);
    expect([await both(), asked]).toEqual([[schema, undefined], 2]);
  });

  it('are those of a list for as long as it is good', async () => {
    let [now, asked] = [0, 0];
    const list = () => Promise.resolve(new Map([[`tool${(asked += 1)}`, schema]]));
    const schemas = new HeaderSchemas(list, () => now);
    expect(await schemas.find(ANN, 'tool1')).toBe(schema);
    now = 30_000;
    expect([await schemas.find(ANN, 'tool1'), await schemas.find(ANN, 'tool2')]).toEqual([undefined, schema]);
  });
});
