/*
 * What a service logs at info or above is an event: a stable key, one level and one sentence. A project declares its events
 * in its `log-events.ts`; docs/reference/log-events.md lists all of them for operators.
 */

export interface LogEvent<Sentence extends string = string> {
  readonly level: 'info' | 'warn' | 'error' | 'fatal';
  /** `{name}` stands for the field of this name. */
  readonly sentence: Sentence;
  /** What an operator does; undefined: nothing. Everything above info says it. */
  readonly whatToDo?: string;
  /** The document that says more, below docs/. */
  readonly document?: string;
}

export type LogEvents = Readonly<Record<string, LogEvent>>;

type Declare<Arguments extends unknown[]> = <const Sentence extends string>(
  sentence: Sentence,
  ...rest: Arguments
) => LogEvent<Sentence>;
type WhatToDo = [whatToDo: string, document?: string];

export const infoEvent = eventOf('info') as Declare<[] | WhatToDo>;
export const warnEvent = eventOf('warn') as Declare<WhatToDo>;
export const errorEvent = eventOf('error') as Declare<WhatToDo>;
export const fatalEvent = eventOf('fatal') as Declare<WhatToDo>;

function eventOf(level: LogEvent['level']) {
  return (sentence: string, whatToDo?: string, document?: string): LogEvent => ({
    level,
    sentence,
    ...(whatToDo === undefined ? {} : { whatToDo }),
    ...(document === undefined ? {} : { document }),
  });
}
