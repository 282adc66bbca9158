import { z } from 'zod';

/*
 * What may be done on a screen. All coordinates are pixels of the screen itself: whoever decides on a scaled or relative
 * image converts before the action is made, in one place, so that no two parts of the system disagree by a factor.
 */

/** The largest screen. */
export const MAX_SCREEN = { width: 1920, height: 1080 } as const;
/** Longest time of one `wait`. */
export const MAX_WAIT_MS = 10_000;
/** Characters of one `type`. */
export const MAX_TYPED_CHARS = 10_000;

const x = z
  .number()
  .int()
  .min(0)
  .max(MAX_SCREEN.width - 1);
const y = z
  .number()
  .int()
  .min(0)
  .max(MAX_SCREEN.height - 1);

export const ScreenPoint = z.object({ x, y });
export type ScreenPoint = z.infer<typeof ScreenPoint>;

export const ScreenRect = z.object({
  x,
  y,
  width: z.number().int().min(1).max(MAX_SCREEN.width),
  height: z.number().int().min(1).max(MAX_SCREEN.height),
});
export type ScreenRect = z.infer<typeof ScreenRect>;

/** A key by the name of its X keysym without a prefix (`Return`, `Tab`, `F5`, `a`) or a modifier (`ctrl`, `alt`, `shift`, `super`). */
const KeyName = z.string().regex(/^[A-Za-z0-9_]{1,32}$|^[!-~]$/);

/** One act of the hands. */
export const ScreenAction = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('click'), x, y, button: z.enum(['left', 'middle', 'right']).default('left') }),
  z.object({ kind: z.literal('double_click'), x, y }),
  z.object({ kind: z.literal('right_click'), x, y }),
  z.object({ kind: z.literal('move'), x, y }),
  /** The left button goes down at the first point and up at the last. */
  z.object({ kind: z.literal('drag'), path: z.array(ScreenPoint).min(2).max(64) }),
  /** Notches of the wheel at a point; positive is right and down. */
  z.object({
    kind: z.literal('scroll'),
    x,
    y,
    dx: z.number().int().min(-50).max(50).default(0),
    dy: z.number().int().min(-50).max(50).default(0),
  }),
  z.object({ kind: z.literal('type'), text: z.string().max(MAX_TYPED_CHARS) }),
  /** Keys pressed together, released in reverse order. */
  z.object({ kind: z.literal('key'), keys: z.array(KeyName).min(1).max(5) }),
  z.object({ kind: z.literal('wait'), ms: z.number().int().min(0).max(MAX_WAIT_MS) }),
  /** An application of the session by its name; its list is the operator's. */
  z.object({ kind: z.literal('open_app'), app: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/) }),
  z.object({ kind: z.literal('open_url'), url: z.url({ protocol: /^https?$/ }).max(4_000) }),
  /** A closer look at a part of the screen; nothing on it is touched. */
  z.object({ kind: z.literal('zoom'), region: ScreenRect }),
]);
export type ScreenAction = z.infer<typeof ScreenAction>;
export type ScreenActionKind = ScreenAction['kind'];
