/**
 * Shared Jest configuration: native ESM through SWC. The `switchyard:source` condition makes
 * tests read the libraries' sources, so no build is needed before a test.
 * Unit tests stand beside the source (x.test.ts); tests that start real servers are test/*.int.test.ts.
 */
export default {
  testEnvironment: 'node',
  // The one limit against tests that hang; a test names its own only where it takes longer. It says nothing about how fast
  // they are: the machine may be busy with others.
  testTimeout: 180_000,
  testMatch: ['<rootDir>/src/**/*.test.ts', '<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  testEnvironmentOptions: { customExportConditions: ['switchyard:source', 'node', 'node-addons'] },
};
