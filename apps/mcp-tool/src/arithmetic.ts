import jsep, { type Expression } from 'jsep';
import { ToolError } from './define-tool.ts';

/*
 * Evaluates an arithmetic expression: parsed by jsep into a tree, of which only the nodes named here are
 * evaluated. No name reaches anything but the tables below. Pure.
 */

const MAX_DEPTH = 64;

const parser = jsep;
parser.removeAllUnaryOps();
parser.addUnaryOp('-');
parser.addUnaryOp('+');
parser.removeAllBinaryOps();
for (const [operator, precedence] of [
  ['+', 9],
  ['-', 9],
  ['*', 10],
  ['/', 10],
  ['%', 10],
] as const)
  parser.addBinaryOp(operator, precedence);
parser.addBinaryOp('**', 11, true);

const BINARY: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => nonZero(b, () => a / b),
  '%': (a, b) => nonZero(b, () => a % b),
  '**': (a, b) => a ** b,
};

const FUNCTIONS: Readonly<Record<string, (...values: number[]) => number>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  floor: Math.floor,
  max: Math.max,
  min: Math.min,
  round: (value = Number.NaN, digits = 0) => Math.round(value * 10 ** digits) / 10 ** digits,
  sqrt: Math.sqrt,
};

const CONSTANTS: Readonly<Record<string, number>> = { pi: Math.PI, e: Math.E };

/** The value of the expression, rounded to 12 significant digits. Throws ToolError with what is wrong with it. */
export function evaluate(text: string): number {
  const value = valueOf(parse(rewritePercent(text)), 0);
  if (!Number.isFinite(value)) throw new ToolError('The result is not a finite number.');
  return Number(value.toPrecision(12));
}

/** "17% of 2340" and "17 percent of 2340" are 17 / 100 * 2340; a % before an operator or the end is a hundredth. */
export function rewritePercent(text: string): string {
  return text
    .replaceAll('×', '*')
    .replaceAll('÷', '/')
    .replaceAll('−', '-')
    .replaceAll('^', '**')
    .replace(/(?:%|\bpercent\b)\s*of\b/gi, '/100*')
    .replace(/\bpercent\b/gi, '%')
    .replace(/%(?=\s*(?:$|[)+*/,-]))/g, '/100');
}

function parse(text: string): Expression {
  try {
    return parser(text);
  } catch {
    throw new ToolError(
      'This is not an arithmetic expression. Use numbers, + - * / % ** ( ), min, max, round, sqrt, abs.',
    );
  }
}

function valueOf(node: Expression, depth: number): number {
  if (depth > MAX_DEPTH) throw new ToolError('The expression is nested too deep.');
  const inner = (child: unknown) => valueOf(child as Expression, depth + 1);
  switch (node.type) {
    case 'Literal':
      if (typeof node['value'] === 'number') return node['value'];
      break;
    case 'UnaryExpression':
      return node['operator'] === '-' ? -inner(node['argument']) : inner(node['argument']);
    case 'BinaryExpression': {
      const operate = own(BINARY, String(node['operator']));
      if (operate) return operate(inner(node['left']), inner(node['right']));
      break;
    }
    case 'Identifier': {
      const constant = own(CONSTANTS, String(node['name']).toLowerCase());
      if (constant !== undefined) return constant;
      break;
    }
    case 'CallExpression': {
      const callee = node['callee'] as Expression;
      const call = callee.type === 'Identifier' ? own(FUNCTIONS, String(callee['name']).toLowerCase()) : undefined;
      const given = node['arguments'] as Expression[];
      if (call && given.length > 0) return call(...given.map(inner));
      break;
    }
    default:
  }
  throw new ToolError('The expression holds something that is not arithmetic.');
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function nonZero(divisor: number, divide: () => number): number {
  if (divisor === 0) throw new ToolError('Division by zero.');
  return divide();
}
