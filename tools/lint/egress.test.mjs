import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Sources of the services: what leaves them leaves by the one way out. */
function sources() {
  const services = ['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'audit', 'xmpp-bridge'];
  return services.flatMap((app) =>
    readdirSync(join(root, 'apps', app, 'src'))
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .map((name) => join('apps', app, 'src', name)),
  );
}

/** The text of each call of createSafeFetch, to its closing bracket. */
function callsIn(text) {
  return [...text.matchAll(/createSafeFetch\(/g)].map(({ index }) => {
    let depth = 0;
    for (let at = index + 'createSafeFetch'.length; at < text.length; at += 1) {
      if (text[at] === '(') depth += 1;
      else if (text[at] === ')' && (depth -= 1) === 0) return text.slice(index, at);
    }
    return text.slice(index);
  });
}

describe('the ways out of a service', () => {
  it('all know which hosts are reached over XMPP, and how', () => {
    const calls = sources().flatMap((file) =>
      callsIn(readFileSync(join(root, file), 'utf8')).map((call) => ({ file, call })),
    );
    assert.ok(calls.length >= 5, 'calls are found');
    for (const { file, call } of calls) {
      // With the map and no bridge a mapped host is refused.
      const knows = /\.\.\.(this\.parts\.)?route\b/.test(call) || /\b(serviceMap|overXmpp)\b/.test(call);
      assert.ok(knows, `${file}: a mapped host would be called over the network: ${call.slice(0, 200)}`);
    }
  });

  it('are createSafeFetch alone', () => {
    for (const file of sources()) {
      const text = readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      assert.doesNotMatch(text, /globalThis\.fetch\b|from 'undici'|from 'node:https?'.*\brequest\b/, file);
    }
  });
});
