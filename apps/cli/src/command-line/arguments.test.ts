import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { optionsOf, overview, suggestion, verbHelp, VERBS } from '../../verbs.mjs';
import { exportOf, listOption, parseVerb } from './arguments.ts';
import { completionScript } from './completion.ts';
import { globMatcher } from '../terminal/glob.ts';
import { hopeless, runRows } from '../runs/verb-runs.ts';
import { gatewayAddress, modelLine } from '../environment/settings.ts';
import { taskRequest } from '../runs/verb-run.ts';
import { badChecks, withoutPassword } from '../verbs/verb-stack.ts';

describe('verbs', () => {
  it('are one record each, which help, parser, completion and loader read', () => {
    expect(new Set(VERBS.map(({ name }) => name)).size).toBe(VERBS.length);
    for (const verb of VERBS) {
      const help = verbHelp(verb);
      expect(help).toContain(`./switchyard ${verb.usage}`);
      for (const option of Object.keys(optionsOf(verb))) expect(help).toContain(`--${option}`);
      for (const [option] of verb.usage.matchAll(/--[a-z-]+/g))
        expect(Object.keys(optionsOf(verb))).toContain(option.slice(2));
      const args = Object.entries(optionsOf(verb)).map(([name, { type }]) =>
        type === 'string' ? `--${name}=x` : `--${name}`,
      );
      expect(Object.keys(parseVerb(verb.name, args).values)).toHaveLength(args.length);
    }
  });

  it('name a module that exports them; test alone is answered before anything is built', () => {
    const source = fileURLToPath(new URL('..', import.meta.url));
    expect(VERBS.filter(({ module }) => module === undefined).map(({ name }) => name)).toEqual(['test']);
    for (const { name, module } of VERBS.filter((verb) => verb.module !== undefined))
      expect(readFileSync(join(source, `${module}.ts`), 'utf8')).toMatch(
        new RegExp(`^export (const|function|async function) ${exportOf(name)}\\b`, 'm'),
      );
  });

  it('know an option by the row of its help', () => {
    const options = (row: string) => optionsOf({ name: 'x', usage: 'x', summary: 'x', options: [[row, 'what']] });
    expect(options('--lines N, -n')).toMatchObject({ lines: { type: 'string', short: 'n' } });
    expect(options('--follow, -f')).toMatchObject({ follow: { type: 'boolean', short: 'f' } });
    expect(options('--rounds N --only CASE')).toMatchObject({ rounds: { type: 'string' }, only: { type: 'string' } });
    expect(Object.keys(options('ask SUBJECT [JSON]'))).toEqual(['help']);
  });

  it('are all named in the overview, within a hundred columns', () => {
    const lines = overview().split('\n');
    for (const { name } of VERBS) expect(lines.filter((line) => line.startsWith(`  ${name} `))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('  ')).every((line) => line.length <= 100)).toBe(true);
  });

  it('mistyped are answered with the one that was meant', () => {
    const names = VERBS.map((verb) => verb.name);
    expect(suggestion('stauts', names)).toBe('status');
    expect(suggestion('rnu', names)).toBe('run');
    expect(suggestion('comp', names)).toBe('completion');
    expect(suggestion('xyzzy', names)).toBeUndefined();
  });

  it('refuse an option that they do not have', () => {
    expect(() => parseVerb('down', ['--force'])).toThrow(/Unknown option '--force'. See .\/switchyard down --help/);
    expect(parseVerb('up', ['-d']).values['detach']).toBe(true);
  });

  it('complete in the shell', () => {
    expect(completionScript('bash')).toContain('complete -F _switchyard switchyard');
    expect(completionScript('zsh')).toContain('bashcompinit');
    expect(completionScript('bash')).toMatch(/ tools\) words="list show call explain .*--as /);
  });
});

describe('taskRequest', () => {
  const request = (args: string[]) => taskRequest(parseVerb('run', args), 'RUN');

  it('is the task and nothing else by default', () => {
    expect(request(['What', 'is it?'])).toEqual({ task: 'What is it?', run_id: 'RUN' });
    expect(() => request([' '])).toThrow(/What is the task/);
  });

  it('constrains tools as soon as one list is given, an empty one included', () => {
    expect(request(['x', '--tools', 'a,b']).tool_constraints).toEqual({ mode: 'custom', tools: ['a', 'b'] });
    expect(request(['x', '--agents', 'mock']).tool_constraints).toEqual({ mode: 'custom', agents: ['mock'] });
    expect(request(['x', '--providers', 'p', '--tools', '']).tool_constraints).toEqual({
      mode: 'custom',
      providers: ['p'],
      tools: [],
    });
    expect(listOption({}, 'tools')).toBeUndefined();
  });
});

describe('globMatcher', () => {
  it.each([
    ['mcp.*.*', 'mcp.tool.execution', true],
    ['mcp.*', 'mcp.tool.execution', false],
    ['orchestrator.>', 'orchestrator.task.completed', true],
    ['**.completed', 'orchestrator.task.completed', true],
    ['mcp', 'mcp.tool.execution', true],
    ['tool', 'mcp.tool.execution', true],
    ['mcp.tool.execution', 'mcp.tool.execution', true],
    ['a+b*', 'aab', false],
  ])('%s on %s: %s', (glob, name, expected) => {
    expect(globMatcher(glob)(name)).toBe(expected);
  });
});

it('says of a name that no event has that nothing would be shown', () => {
  expect(hopeless('mcp.*')).toContain('mcp.>');
  for (const glob of [undefined, 'mcp', 'mcp.>', 'mcp.*.*', 'orchestrator.task.completed', '**.completed'])
    expect(hopeless(glob)).toBeUndefined();
});

describe('settings', () => {
  it('say where the gateway listens and which model plans', () => {
    expect(gatewayAddress({})).toEqual({ host: '127.0.0.1', port: 8000 });
    expect(() => gatewayAddress({ GATEWAY_PORT: '80000' })).toThrow(/GATEWAY_PORT must be/);
    expect(modelLine({})).toContain('OPENAI_API_KEY is not set');
    expect(modelLine({ OPENAI_API_KEY: 'sk-secret' })).not.toContain('sk-secret');
    const url = 'https://me:own-word@models.example/v1?token=own-word';
    expect(modelLine({ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: url })).toMatch(/ at https:\/\/models\.example\/v1$/);
  });
});

describe('what the gateway answers', () => {
  it('becomes rows, in either spelling', () => {
    const row = { id: 'R1', status: 'success', task: 'x', createdAt: '2026-01-02T03:04:05' };
    const at = Date.UTC(2026, 0, 2, 3, 4, 5);
    expect(runRows({ runs: [{ run_id: 'R1', status: 'success', task: 'x', created_at: at }] })).toEqual([row]);
    expect(runRows([{ runId: 'R1', status: 'success', task: 'x', createdAt: at }])).toEqual([row]);
    expect(runRows({})).toEqual([]);
  });

  it('names the dependencies that are bad, whatever the shape', () => {
    expect(badChecks({ checks: { nats: { ok: true }, postgres: { ok: false, detail: 'refused' } } })).toEqual([
      'postgres: refused',
    ]);
    expect(badChecks({ checks: [{ name: 'redis', ok: false }] })).toEqual(['redis']);
    expect(badChecks(undefined)).toEqual([]);
  });

  it('is shown without passwords', () => {
    expect(withoutPassword('postgresql://me:secret@127.0.0.1:1/x')).toBe('postgresql://me:***@127.0.0.1:1/x');
    expect(withoutPassword('nats://127.0.0.1:4222')).toBe('nats://127.0.0.1:4222');
  });
});
