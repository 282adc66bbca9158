/** An arithmetic expression found in a text: as a calculator takes it, and as the person wrote it. */
export interface Arithmetic {
  /** Digits, `+ - * / ** ( ) .` and the names of usual functions. */
  expression: string;
  spoken: string;
}

const NUMBER = String.raw`(-?\d+(?:\.\d+)?)`;

/** Phrases whose order of operands is not the order of the words. */
const PHRASES: [RegExp, (...operands: string[]) => string][] = [
  [new RegExp(String.raw`\b(?:the )?(?:sum of|add) ${NUMBER} (?:and|to) ${NUMBER}`, 'i'), (a, b) => `${a}+${b}`],
  [new RegExp(String.raw`\bsubtract ${NUMBER} from ${NUMBER}`, 'i'), (a, b) => `${b}-${a}`],
  [new RegExp(String.raw`\b(?:the )?difference (?:of|between) ${NUMBER} and ${NUMBER}`, 'i'), (a, b) => `${a}-${b}`],
  [
    new RegExp(String.raw`\b(?:(?:the )?product of|multiply) ${NUMBER} (?:and|by|with) ${NUMBER}`, 'i'),
    (a, b) => `${a}*${b}`,
  ],
  [
    new RegExp(String.raw`\b(?:(?:the )?quotient of|divide) ${NUMBER} (?:and|by) ${NUMBER}`, 'i'),
    (a, b) => `${a}/${b}`,
  ],
  [new RegExp(String.raw`\bhalf of ${NUMBER}`, 'i'), (a) => `${a}/2`],
  [new RegExp(String.raw`\b(?:the )?square root of ${NUMBER}`, 'i'), (a) => `sqrt(${a})`],
  [new RegExp(String.raw`${NUMBER} squared`, 'i'), (a) => `${a}*${a}`],
];

/** An expression that calls a function, as "2 * sqrt(9) + 1"; commas separate its arguments. */
const FUNCTION_CALL =
  /(?:[\d.(][\d\s.+\-*/()]{0,60})?\b(?:sqrt|round|abs|min|max|floor|ceil)\([\d\s.+\-*/,()]{1,120}\)(?:\s*[-+*/][\d\s.+\-*/()]{0,60}\d\)?)?/i;

const SPOKEN_OPERATORS: [RegExp, string][] = [
  [/(\d),(?=\d{3}\b)/g, '$1'],
  [/(\d(?:\.\d+)?)\s*(?:%|percent)\s+of\s+/gi, '$1/100*'],
  [/(?<=[\d)]\s*)(?:multiplied by|times|×|·|x(?=\s*\d))(?=\s*[\d(-])/gi, '*'],
  [/(?<=[\d)]\s*)(?:divided by|÷|:(?=\s\d))(?=\s*[\d(-])/gi, '/'],
  [/(?<=[\d)]\s*)(?:plus)(?=\s*[\d(-])/gi, '+'],
  [/(?<=[\d)]\s*)(?:minus|−|–)(?=\s*[\d(-])/gi, '-'],
  [/(?<=[\d)]\s*)(?:to the power of|\^)(?=\s*[\d(-])/gi, '**'],
];

/** Finds the first arithmetic expression of `text` (at most 500 characters are read). Dates are none. */
export function findArithmetic(text: string): Arithmetic | undefined {
  const source = text.slice(0, 500);
  if (!/\d/.test(source)) return undefined;
  const plain = source.replace(/(\d),(?=\d{3}\b)/g, '$1');
  for (const [pattern, build] of PHRASES) {
    const match = pattern.exec(plain);
    if (match) return { expression: build(...match.slice(1)), spoken: match[0] };
  }
  const written = FUNCTION_CALL.exec(plain)?.[0];
  if (written) return { expression: written.trim(), spoken: written.trim() };
  const symbols = SPOKEN_OPERATORS.reduce((line, [pattern, symbol]) => line.replace(pattern, symbol), source);
  const run = symbols
    .replace(/\b\d{4}-\d{2}-\d{2}\b/g, ' ')
    .match(/[-(]?[\d(][\d\s.+\-*/()]*[\d)]/g)
    ?.map((candidate) => balanced(candidate.replace(/\s+/g, '')))
    .find((candidate) => /[\d)][-+*/]+[-(]*\d/.test(candidate) && !/^\d+(?:-\d{3,}){1,}$/.test(candidate));
  if (run === undefined) return undefined;
  return { expression: run, spoken: spokenForm(source, run) };
}

/** Drops parentheses at the ends that have no partner. */
function balanced(expression: string): string {
  let open = 0;
  for (const char of expression) open += char === '(' ? 1 : char === ')' ? -1 : 0;
  if (open > 0 && expression.startsWith('(')) return balanced(expression.slice(1));
  if (open < 0 && expression.endsWith(')')) return balanced(expression.slice(0, -1));
  return expression;
}

function spokenForm(source: string, expression: string): string {
  const percent = /\d[\d.,]*\s*(?:%|percent)\s+of\s+[\d.,]*\d/i.exec(source);
  return percent && expression.includes('/100*') && !/[-+(]/.test(expression) ? percent[0] : expression;
}
