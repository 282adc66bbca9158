import { describe, expect, it } from '@jest/globals';
import { compact, eventLine, oneLine } from './event-line.ts';
import { painter } from './paint.ts';

const plain = painter(false, {});
const line = (name: string, data: unknown): string | undefined => eventLine({ name, data }, 420, plain);

describe('eventLine', () => {
  it('counts one step as one', () => {
    const ended = (steps: number) =>
      line('orchestrator.task.completed', { status: 'success', total_steps: steps, failed_steps: 0 });
    expect(ended(1)).toContain('success: 1 step, 0 failed');
    expect(ended(2)).toContain('success: 2 steps, 0 failed');
  });

  it('shows a tool call with its arguments and its result', () => {
    const data = {
      tool: 'weather',
      params: { location: 'London' },
      success: true,
      result: { sky: 'rain', celsius: 9 },
      duration_ms: 12,
    };
    expect(line('mcp.tool.execution', data)).toBe(
      '   0.42s  mcp.tool.execution                weather(location: London) -> sky: rain, celsius: 9  12 ms',
    );
  });

  it('shows what the planner decided, in order or at once', () => {
    const acts = [
      { tool: 'weather', arguments: { location: 'London' } },
      { agent: 'travel', task: 'book a flight' },
    ];
    const decided = (order: string): string | undefined =>
      line('orchestrator.planning.completed', { decision_type: 'next_step', decision: { kind: 'act', order, acts } });
    expect(decided('parallel')).toContain('weather(location: London) + travel: book a flight');
    expect(decided('sequence')).toContain('weather(location: London), then travel: book a flight');
  });

  it('says why a step failed', () => {
    expect(
      line('orchestrator.step.completed', { step_id: 'step-mcp-001', success: false, error: 'no such city' }),
    ).toContain('step-mcp-001 failed: no such city');
  });

  it('hides only what frames the stream, and shows an event it does not know', () => {
    expect(line('server.keepalive', { ts: 1 })).toBeUndefined();
    expect(line('response.created', { status: 'accepted' })).toBeUndefined();
    expect(line('robot.arm.moved', { x: 1 })).toMatch(/robot\.arm\.moved +x: 1$/);
    expect(line('toString', {})).toContain('toString');
  });

  it('survives data of any shape', () => {
    for (const data of [null, undefined, 'text', 7, [], { decision: 'odd', acts: 3 }]) {
      expect(() => line('orchestrator.planning.completed', data)).not.toThrow();
      expect(() => line('mcp.tool.execution', data)).not.toThrow();
    }
  });

  it('never lets a result write to the terminal', () => {
    expect(oneLine('a\u001b[31mb\u0007\nc')).toBe('a[31mb c');
    expect(line('a2a.delegation.completed', { agent: 'x', result: '\u001b]0;title\u0007' })).not.toContain('\u001b');
  });

  it('cuts long text and says how long it was', () => {
    expect(compact('x'.repeat(500))).toBe(`${'x'.repeat(160)}... (500 characters)`);
  });
});

describe('painter', () => {
  it('uses colours on a terminal only, and not against NO_COLOR', () => {
    expect(painter(true, {})('good', 'yes')).toBe('\u001b[32myes\u001b[0m');
    expect(painter(true, { NO_COLOR: '1' })('good', 'yes')).toBe('yes');
    expect(painter(false, {})('good', 'yes')).toBe('yes');
  });
});
