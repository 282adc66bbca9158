import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '@switchyard/platform';
import { parsePolicy, PolicyFile } from './policy-file.ts';

const dir = mkdtempSync(join(tmpdir(), 'switchyard-policy-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const log = createLogger({ app: 'test', level: 'silent' });

describe('a peer policy', () => {
  it.each([
    ['{\n "ada@x.y": {"paths": ["/a"]}\n "b@x.y": {}}', 'line 3, column 2: expected "," or "}"'],
    ['{\n "ada@x.y": {\n  "paths": ["a2a"]}}', 'line 3: ada@x.y.paths.0: expected a path such as /a2a or /runs/*'],
    ['{\n "ada@x.y": {"paths": ["/a"],\n "perMinute": 0}}', 'line 3: ada@x.y.perMinute: '],
    ['{\n "ada@x.y": {"paths": ["/a"],\n "path": []}}', 'line 2: ada@x.y: Unrecognized key: "path"'],
    ['{\n "ada": {"paths": ["/a"]}}', 'expected user@domain or *@domain'],
    ['{"ada@x.y": {"paths": ["/a"]},\n "ada@x.y": {"paths": ["/b"]}}', 'line 2: "ada@x.y" comes twice'],
    ['{"ada@x.y": {"paths": ["/a"]},\n "Ada@X.y": {"paths": ["/b"]}}', 'line 2: "ada@x.y" comes twice'],
    [
      '{"a@x.y": {"paths": ["/a"],\n "hours": {"from": "8", "to": "9:00"}}}',
      'line 2: a@x.y.hours.from: expected a time',
    ],
  ])('%j is refused, and it is said where', (text, why) => expect(() => parsePolicy(text)).toThrow(why));

  it('names its peers without regard to case', () => {
    expect(Object.keys(parsePolicy('{"Ada@X.y": {"paths": ["/a"]}}'))).toEqual(['ada@x.y']);
  });
});

describe('a policy file that changes', () => {
  it('counts from then on, unless it is wrong or gone', async () => {
    const path = join(dir, 'policy.json');
    const text = (paths: string) => `{"ada@x.y": {"paths": ["${paths}"]}}`;
    writeFileSync(path, text('/a'));
    let changes = 0;
    const file = new PolicyFile(path, parsePolicy(text('/a')), log, () => (changes += 1), 3_600_000);
    expect([await file.look(), changes]).toEqual([false, 0]);
    writeFileSync(path, text('/b'));
    expect([await file.look(), file.policy['ada@x.y']?.paths]).toEqual([true, ['/b']]);
    writeFileSync(path, '{"ada@x.y": ');
    expect([await file.look(), file.policy['ada@x.y']?.paths]).toEqual([false, ['/b']]);
    rmSync(path);
    expect([await file.look(), file.policy['ada@x.y']?.paths]).toEqual([false, ['/b']]);
    writeFileSync(path, '{}');
    expect([await file.look(), file.policy, changes]).toEqual([true, {}, 2]);
    file.stop();
  });
});
