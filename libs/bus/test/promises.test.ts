import { memoryWorld } from './harness.ts';
import { describeBus } from './promises.ts';

describeBus('the twin in memory', memoryWorld);
