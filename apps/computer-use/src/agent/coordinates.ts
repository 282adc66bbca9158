import type { ScreenPoint } from '@switchyard/contracts';

/** How a grounding model says a point: in pixels of the image, or in thousandths of its sides. */
export type Coordinates = 'pixels' | 'thousandths';

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * The only place where a point of the model becomes one of the screen; undefined where it is outside. Frames are never
 * scaled, so a pixel of the image is a pixel of the screen.
 */
export function toScreen(said: { x: number; y: number }, size: Size, how: Coordinates): ScreenPoint | undefined {
  const { width, height } = size;
  const point =
    how === 'pixels'
      ? { x: Math.round(said.x), y: Math.round(said.y) }
      : { x: Math.round((said.x / 1_000) * (width - 1)), y: Math.round((said.y / 1_000) * (height - 1)) };
  const inside = point.x >= 0 && point.y >= 0 && point.x < width && point.y < height;
  return inside ? point : undefined;
}
