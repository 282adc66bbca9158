import jsep, { type Expression } from 'jsep';
import { ToolError } from '../tool/index.ts';

/*
 * Evaluates an arithmetic expression. Pure.
 *
 * - The text is parsed and never executed. Only the tree nodes that are named here are evaluated, and a name can refer
 *   only to the tables below.
 * - The length is limited, and with it depth and work.
 * - evaluate() returns a finite number, or throws a ToolError that says what is wrong with the expression.
 */

export const MAX_EXPRESSION_CHARS = 500;
/** A sum as long as the length allows is not too deep: it is a chain of that many nodes. */
const MAX_DEPTH = MAX_EXPRESSION_CHARS / 2 + 1;
/** What a double keeps of any number in decimal; integers it keeps whole. */
const SIGNIFICANT_DIGITS = 15;

const PERCENT = 'Percent';
const OF = 'of';
const BINARY: Readonly<Record<string, { precedence: number; apply: (a: number, b: number) => number }>> = {
  '+': { precedence: 9, apply: (a, b) => a + b },
  '-': { precedence: 9, apply: (a, b) => a - b },
  '*': { precedence: 10, apply: (a, b) => a * b },
  '/': { precedence: 10, apply: (a, b) => a / nonZero(b) },
  '%': { precedence: 10, apply: (a, b) => a % nonZero(b) },
  // Tighter than a division: "100 / 17% of 50" divides by what 17% of 50 is.
  [OF]: { precedence: 11, apply: (a, b) => a * b },
  '**': { precedence: 12, apply: power },
};

const FUNCTIONS: Readonly<Record<string, { most: number; apply: (...values: number[]) => number }>> = {
  abs: { most: 1, apply: Math.abs },
  ceil: { most: 1, apply: Math.ceil },
  floor: { most: 1, apply: Math.floor },
  max: { most: Infinity, apply: Math.max },
  min: { most: Infinity, apply: Math.min },
  round: { most: 2, apply: round },
  sqrt: { most: 1, apply: squareRoot },
};

const CONSTANTS: Readonly<Record<string, number>> = { pi: Math.PI, e: Math.E };

const RIGHT_TO_LEFT = new Set(['**', OF]);
jsep.removeAllUnaryOps();
jsep.removeAllBinaryOps();
for (const [operator, { precedence }] of Object.entries(BINARY))
  jsep.addBinaryOp(operator, precedence, RIGHT_TO_LEFT.has(operator));

/** A sign counts after a power, as in mathematics: -2 ** 2 is -4. */
jsep.hooks.add('gobble-token', function (env) {
  if (this.char === '-' || this.char === '+') {
    const operator = this.char;
    this.index += 1;
    env.node = { type: 'UnaryExpression', operator, argument: powerOf(this), prefix: true };
  } else if (/[\d.]/.test(this.char)) {
    // Taken here, because jsep would not ask the hook below about a number.
    env.node = this.gobbleNumericLiteral() as Expression;
  }
});

/** A % that no operand follows is a percentage, not a remainder: at the end, before an operator, in "17% of 2340". */
jsep.hooks.add('after-token', function (env) {
  if (!env.node) return;
  const sign = /^\s*(?:%(?=\s*(?:$|[)+*/,%-]|of\b))|percent\b)/.exec(this.expr.slice(this.index));
  if (!sign) return;
  this.index += sign[0].length;
  env.node = { type: PERCENT, argument: env.node };
});

function powerOf(parser: jsep.HookScope): Expression {
  const base = parser.gobbleToken();
  if (!base) return parser.throwError('expected a number after the sign');
  parser.gobbleSpaces();
  if (!parser.expr.startsWith('**', parser.index)) return base;
  parser.index += 2;
  return { type: 'BinaryExpression', operator: '**', left: base, right: powerOf(parser) };
}

/** The value of the expression to 15 significant digits. */
export function evaluate(text: string): number {
  if (text.length > MAX_EXPRESSION_CHARS)
    throw new ToolError(`An expression may have ${MAX_EXPRESSION_CHARS} characters.`);
  const value = valueOf(parse(text), 0);
  if (!Number.isFinite(value)) throw new ToolError('The result is too large.');
  return Number.isSafeInteger(value) ? value : Number(value.toPrecision(SIGNIFICANT_DIGITS));
}

function parse(text: string): Expression {
  const plain = text.toLowerCase().replaceAll('×', '*').replaceAll('÷', '/').replaceAll('−', '-').replaceAll('^', '**');
  try {
    return jsep(plain);
  } catch {
    throw new ToolError(
      'This is not an arithmetic expression. Use plain numbers, + - * / % ** ( ) and min, max, round, sqrt, abs.',
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
    case PERCENT:
      return inner(node['argument']) / 100;
    case 'UnaryExpression':
      return node['operator'] === '-' ? -inner(node['argument']) : inner(node['argument']);
    case 'BinaryExpression': {
      const operator = own(BINARY, String(node['operator']));
      if (!operator || (node['operator'] === OF && !isPercentage(node['left'] as Expression))) break;
      return operator.apply(inner(node['left']), inner(node['right']));
    }
    case 'Identifier': {
      const constant = own(CONSTANTS, String(node['name']));
      if (constant !== undefined) return constant;
      break;
    }
    case 'CallExpression':
      return call(node['callee'] as Expression, (node['arguments'] as Expression[]).map(inner));
    default:
  }
  throw new ToolError('The expression holds something that is not arithmetic.');
}

function isPercentage(node: Expression): boolean {
  return node.type === 'UnaryExpression' ? isPercentage(node['argument'] as Expression) : node.type === PERCENT;
}

function call(callee: Expression, values: number[]): number {
  const name = callee.type === 'Identifier' ? String(callee['name']) : '';
  const known = own(FUNCTIONS, name);
  if (!known) throw new ToolError(`There are only the functions ${Object.keys(FUNCTIONS).join(', ')}.`);
  if (values.length === 0 || values.length > known.most)
    throw new ToolError(`${name} does not take ${values.length} values.`);
  return known.apply(...values);
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function nonZero(divisor: number): number {
  if (divisor === 0) throw new ToolError('Division by zero.');
  return divisor;
}

function power(base: number, exponent: number): number {
  if (base === 0 && exponent < 0) throw new ToolError('Division by zero.');
  const value = base ** exponent;
  if (Number.isNaN(value)) throw new ToolError('A root of a negative number is not a real number.');
  return value;
}

function squareRoot(value: number): number {
  if (value < 0) throw new ToolError('A root of a negative number is not a real number.');
  return Math.sqrt(value);
}

/** Half away from zero, to `digits` decimals. The exponent is moved as text, so that round(1.005, 2) is 1.01. */
function round(value: number, digits = 0): number {
  if (!Number.isInteger(digits) || Math.abs(digits) > SIGNIFICANT_DIGITS)
    throw new ToolError(`round takes a whole number of digits from -${SIGNIFICANT_DIGITS} to ${SIGNIFICANT_DIGITS}.`);
  const moved = moveExponent(Math.abs(value), digits);
  return Math.sign(value) * moveExponent(Math.round(moved), -digits);
}

function moveExponent(value: number, by: number): number {
  const [mantissa, exponent] = value.toExponential().split('e');
  return Number(`${mantissa}e${Number(exponent) + by}`);
}
