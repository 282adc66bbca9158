import type { Batch } from '../kit/index.ts';
import { busCopies } from './bus-copies.ts';
import { busMessages } from './bus-messages.ts';
import { busPermissions } from './bus-permissions.ts';
import { busReplies } from './bus-replies.ts';
import { busSignatures } from './bus-signatures.ts';
import { edge } from './edge.ts';
import { egress } from './egress.ts';
import { fuzzBus } from './fuzz-bus.ts';
import { fuzzHttp } from './fuzz-http.ts';
import { guards } from './guards.ts';
import { hostileHttp } from './hostile-http.ts';
import { isolation } from './isolation.ts';
import { rebinding } from './rebinding.ts';
import { tokens } from './tokens.ts';
import { upstream } from './upstream.ts';

/** The batches run in this order. Isolation is first, while the victim has only its own data. */
export const BATCHES: readonly Batch[] = [
  isolation,
  guards,
  rebinding,
  tokens,
  edge,
  busPermissions,
  busReplies,
  busCopies,
  busSignatures,
  busMessages,
  hostileHttp,
  egress,
  upstream,
  fuzzHttp,
  fuzzBus,
];
