import fc from 'fast-check';

/**
 * The seed of every property test. In CI it is always the same: a red build is the doing of the change, and its
 * counterexample comes again. Anywhere else each run asks new questions, and what fails names its own seed.
 *
 * @param env `PROPERTY_SEED` decides where it is set, to a whole number
 * @throws where it is anything else; a typing error must not look like a run with that seed
 */
export function propertySeed(env: NodeJS.ProcessEnv): number | undefined {
  const asked = env['PROPERTY_SEED'];
  if (asked === undefined || asked === '') return env['CI'] === 'true' ? 1 : undefined;
  const seed = Number(asked);
  if (!Number.isSafeInteger(seed)) throw new Error(`PROPERTY_SEED is "${asked}"; give it a whole number, like 1.`);
  return seed;
}

const seed = propertySeed(process.env);
if (seed !== undefined) fc.configureGlobal({ seed });

/** fast-check under that seed; property tests import it from here alone. */
export { fc };
export { fitting, HOSTILE_VALUES, type Resolve, type Schema, spoiled } from './schema-values.ts';
