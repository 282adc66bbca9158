import { MAX_TYPED_CHARS, MAX_WAIT_MS } from '@switchyard/contracts';
import { z } from 'zod';

/*
 * The functions that the language model is offered, by its role. A role is known by its functions: the worker has `done`,
 * the reflection `verdict`, grounding `point`. Each answer is exactly one call. Pure.
 *
 * - The worker names things on the screen in words and never says coordinates; grounding turns the words into a point.
 * - Grounding answers in pixels of the image that it is shown, whose size stands in the text before it.
 */

const target = z.string().trim().min(1).max(300);
const text = (max: number) => z.string().max(max);

/** One decision of the worker, after its arguments are checked. */
export const WorkerCall = z.discriminatedUnion('name', [
  z.object({ name: z.literal('click'), target }),
  z.object({ name: z.literal('double_click'), target }),
  z.object({ name: z.literal('right_click'), target }),
  z.object({ name: z.literal('move'), target }),
  z.object({ name: z.literal('drag'), from: target, to: target }),
  z.object({
    name: z.literal('scroll'),
    target,
    direction: z.enum(['up', 'down', 'left', 'right']),
    notches: z.number().int().min(1).max(50).default(5),
  }),
  z.object({ name: z.literal('type'), text: text(MAX_TYPED_CHARS), target: target.optional() }),
  z.object({ name: z.literal('key'), keys: z.array(text(32).min(1)).min(1).max(5) }),
  z.object({ name: z.literal('wait'), ms: z.number().int().min(0).max(MAX_WAIT_MS).default(1_000) }),
  z.object({ name: z.literal('open_app'), app: text(64).min(1) }),
  z.object({ name: z.literal('open_url'), url: text(4_000).min(1) }),
  z.object({ name: z.literal('note'), text: text(2_000).min(1) }),
  z.object({ name: z.literal('done'), answer: text(20_000) }),
  z.object({ name: z.literal('fail'), reason: text(2_000).min(1) }),
]);
export type WorkerCall = z.infer<typeof WorkerCall>;

/** What grounding answers: a point of the image, or that the thing is not on it. */
export const GroundingCall = z.discriminatedUnion('name', [
  z.object({ name: z.literal('point'), x: z.number(), y: z.number() }),
  z.object({ name: z.literal('not_found'), reason: text(1_000).default('') }),
]);
export type GroundingCall = z.infer<typeof GroundingCall>;

/** What the reflection says of the last turn: it judges and never names an action. */
export const Verdict = z.object({
  name: z.literal('verdict'),
  verdict: z.enum(['on_plan', 'off_plan', 'done']),
  reason: text(2_000).default(''),
});
export type Verdict = z.infer<typeof Verdict>;

/** A function as the model is offered it. */
export interface OfferedFunction {
  readonly name: string;
  readonly description: string;
  readonly parameters: Record<string, unknown>;
}

const string = (description: string) => ({ type: 'string', description });
const whole = (description: string) => ({ type: 'integer', description });
const TARGET = string('What to aim at, in words that fit one thing on the screen: its kind and its label in quotes');

function offered(
  name: string,
  description: string,
  properties: Record<string, unknown>,
  optional: readonly string[] = [],
): OfferedFunction {
  const required = Object.keys(properties).filter((key) => !optional.includes(key));
  return { name, description, parameters: { type: 'object', properties, required, additionalProperties: false } };
}

export const WORKER_FUNCTIONS: readonly OfferedFunction[] = [
  offered('click', 'Press the left button on a thing.', { target: TARGET }),
  offered('double_click', 'Press the left button twice on a thing.', { target: TARGET }),
  offered('right_click', 'Press the right button on a thing.', { target: TARGET }),
  offered('move', 'Move the pointer onto a thing.', { target: TARGET }),
  offered('drag', 'Drag one thing to another.', { from: TARGET, to: TARGET }),
  offered(
    'scroll',
    'Turn the wheel over a thing.',
    {
      target: TARGET,
      direction: { type: 'string', enum: ['up', 'down', 'left', 'right'] },
      notches: whole('How far, 1 to 50; 5 where it is left out'),
    },
    ['notches'],
  ),
  offered(
    'type',
    'Type a text. With a target, that field is pressed first and its content replaced.',
    { text: string('The text, exactly'), target: TARGET },
    ['target'],
  ),
  offered('key', 'Press keys together, such as ["Return"] or ["ctrl", "a"].', {
    keys: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 5 },
  }),
  offered('wait', 'Wait for the screen.', { ms: whole(`Milliseconds, at most ${MAX_WAIT_MS}`) }, ['ms']),
  offered('open_app', 'Start an application of this computer.', { app: string('Its name') }),
  offered('open_url', 'Open a page in the browser.', { url: string('Its address') }),
  offered('note', 'Remember a fact for later turns; nothing on the screen is touched.', { text: string('The fact') }),
  offered('done', 'The task is done and the screen shows it.', { answer: string('The answer for the user') }),
  offered('fail', 'The task cannot be done.', { reason: string('Why, in one sentence') }),
];

export const GROUNDING_FUNCTIONS: readonly OfferedFunction[] = [
  offered('point', 'The middle of the thing, in pixels of the image.', {
    x: { type: 'number', description: 'From its left edge' },
    y: { type: 'number', description: 'From its upper edge' },
  }),
  offered('not_found', 'The image does not show it.', { reason: string('What it shows instead') }),
];

export const REFLECTION_FUNCTIONS: readonly OfferedFunction[] = [
  offered('verdict', 'Judge the last turn by the images.', {
    verdict: { type: 'string', enum: ['on_plan', 'off_plan', 'done'] },
    reason: string('What the images show, in one or two sentences'),
  }),
];
