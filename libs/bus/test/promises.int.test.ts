import { natsWorld } from './harness.ts';
import { describeBus } from './promises.ts';

describeBus('NATS', natsWorld);
