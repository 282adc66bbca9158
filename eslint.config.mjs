import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import js from '@eslint/js';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';
import { boundariesRule } from './tools/lint/boundaries.mjs';
import { logEventsRule } from './tools/lint/log-events.mjs';

const root = dirname(fileURLToPath(import.meta.url));
const nodeGlobals = Object.fromEntries(
  ['process', 'console', 'Buffer', 'URL', 'URLSearchParams', 'setTimeout', 'clearTimeout', 'setInterval']
    .concat(['clearInterval', 'setImmediate', 'fetch', 'AbortController', 'AbortSignal', 'TextDecoder', 'TextEncoder'])
    .concat(['performance', 'structuredClone', 'WebAssembly', 'Response', 'Request', 'Headers', 'queueMicrotask'])
    .map((name) => [name, 'readonly']),
);

export default tseslint.config(
  {
    ignores: [
      '**/node_modules/**',
      '**/dist/**',
      '.switchyard/**',
      '.nx/**',
      'logs/**',
      '**/generated/**',
      'coverage/**',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.{js,mjs,cjs}'],
    extends: [js.configs.recommended],
    languageOptions: { globals: nodeGlobals },
    rules: {
      'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-useless-assignment': 'off',
    },
  },
  {
    // A browser reads it. Text becomes part of a page as text alone.
    files: ['apps/*/static/**/*.js'],
    languageOptions: {
      sourceType: 'script',
      globals: { document: 'readonly', location: 'readonly', sessionStorage: 'readonly' },
    },
    rules: {
      'no-restricted-properties': [
        'error',
        ...['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'write'].map((property) => ({ property })),
      ],
    },
  },
  {
    // `node -e` in a pod reads it, as CommonJS.
    files: ['k8s/**/*.js'],
    languageOptions: { sourceType: 'commonjs', globals: { require: 'readonly' } },
  },
  {
    // Exactly what tsconfig.tests.json holds: typed rules need the types.
    files: ['{libs,apps}/*/{src,test}/**/*.ts'],
    extends: [js.configs.recommended, tseslint.configs.recommended],
    plugins: {
      'import-x': importX,
      switchyard: { rules: { boundaries: boundariesRule(root), 'log-events': logEventsRule } },
    },
    languageOptions: {
      parserOptions: { project: ['./tsconfig.tests.json'], tsconfigRootDir: root },
    },
    settings: {
      'import-x/extensions': ['.ts'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [
        createNodeResolver({
          extensions: ['.ts', '.js', '.mjs', '.json'],
          conditionNames: ['switchyard:source', 'node', 'import'],
        }),
      ],
      // Circles are ours alone; what a package does inside is its own affair.
      'import-x/external-module-folders': ['node_modules'],
    },
    rules: {
      'switchyard/boundaries': 'error',
      'import-x/no-cycle': ['error', { ignoreExternal: true, maxDepth: 30 }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportAllDeclaration', message: 'Name what is exported; `export *` hides it.' },
        {
          selector: 'ObjectExpression > SpreadElement > ObjectExpression, * > SpreadElement > ArrayExpression',
          message: 'Write the parts themselves; spreading a literal says nothing more.',
        },
        {
          selector:
            ':matches(PropertyDefinition, TSParameterProperty, MethodDefinition[kind!="constructor"])[accessibility="private"]',
          message: 'Write #name: the language itself keeps it private.',
        },
      ],
      '@typescript-eslint/no-floating-promises': 'error',
      // A method that answers a promise may be handed where the result is thrown away only with `void`.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' },
      ],
      '@typescript-eslint/ban-ts-comment': [
        'error',
        { 'ts-expect-error': 'allow-with-description', minimumDescriptionLength: 8 },
      ],
      '@typescript-eslint/no-unused-expressions': ['error', { allowShortCircuit: true, allowTernary: true }],
      'prefer-const': ['error', { ignoreReadBeforeAssign: true }],
      // The compiler says this better.
      'no-undef': 'off',
      // A first value that only a failure leaves in place is clearer than an uninitialised variable.
      'no-useless-assignment': 'off',
    },
  },
  {
    // All that these modules export is public, and a request among it is registered.
    files: ['libs/contracts/src/{index,messages}.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: ['{libs,apps}/*/src/**/*.ts'],
    ignores: ['**/*.test.ts', '**/*.fixture.ts'],
    rules: { 'switchyard/log-events': 'error' },
  },
);
