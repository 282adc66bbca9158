import { AppError } from '@switchyard/contracts';

/**
 * Abort reason of a caller that leaves a request to another process. Abort a request's signal with it, and the worker
 * is not told to stop.
 */
export class Detached extends AppError {
  constructor() {
    super('cancelled', 'The caller stops waiting; the work may go on.');
  }
}

/** Abort reason when the caller's heartbeats stop without an explicit cancel; the result may still be wanted. */
export class CallerLost extends AppError {
  constructor() {
    super('cancelled', 'The caller has gone.');
  }
}

/** The bus had no responder for a request, so it reached no service. An answer with the same code proves less. */
export class NoResponders extends AppError {
  constructor() {
    super('no_responders');
  }
}
