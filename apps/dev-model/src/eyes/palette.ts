/*
 * How a screen must be drawn for the eyes to see what is on it: a frame of three pixels in the colour of the kind, and in
 * it lines of text in one ink. Places, sizes, fillings and words are free.
 */

export type WidgetKind =
  'button' | 'field' | 'checkbox' | 'menu' | 'item' | 'slider' | 'list' | 'dialog' | 'column' | 'card' | 'status';

/** The colour of the frame of each kind, as 0xRRGGBB. */
export const FRAME_COLOURS: Readonly<Record<WidgetKind, number>> = {
  button: 0x1f6feb,
  field: 0x2da44e,
  checkbox: 0xbf3989,
  menu: 0x8250df,
  item: 0xa475f9,
  slider: 0xd4a72c,
  list: 0x0598bc,
  dialog: 0xcf222e,
  column: 0x57606a,
  card: 0xe16f24,
  status: 0x6e7781,
};

export const INK = 0x101010;
/** Stands where the next character goes, in the field that has the keyboard. */
export const CARET = 0xff00ff;

export const FRAME_WIDTH = 3;
/** From the corner of a widget to its first line of text. */
export const TEXT_LEFT = 12;
export const TEXT_TOP = 10;
export const LINE_HEIGHT = 22;
export const CELL_WIDTH = 12;
/** Pixels of one dot of a glyph. */
export const DOT = 2;
