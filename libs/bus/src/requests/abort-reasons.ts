import { AppError } from '@switchyard/contracts';

/**
 * Why a caller stops waiting for work that may go on: somebody else takes over the question. Abort a request's signal
 * with it, and the worker is not told to stop.
 */
export class Detached extends AppError {
  constructor() {
    super('cancelled', 'The caller stops waiting; the work may go on.');
  }
}

/** Why work is aborted whose caller is not heard of any more: it did not say that nobody wants the outcome. */
export class CallerLost extends AppError {
  constructor() {
    super('cancelled', 'The caller has gone.');
  }
}

/** The bus had nobody to hand a request to: it reached nobody. An answer with the same code says less. */
export class NoResponders extends AppError {
  constructor() {
    super('no_responders');
  }
}
