/*
 * The model of the pixel app: what is on it, where, and what becomes of it by an event. Pure: the same seed and events give
 * the same state.
 */

export type WidgetSpec =
  | { readonly kind: 'button'; readonly label: string; readonly dead?: boolean; readonly moves?: number }
  | { readonly kind: 'field'; readonly label: string }
  | { readonly kind: 'checkbox'; readonly label: string }
  | { readonly kind: 'menu'; readonly label: string; readonly items: readonly MenuItem[] }
  | { readonly kind: 'slider'; readonly label: string }
  | { readonly kind: 'list'; readonly label: string; readonly rows: number }
  | { readonly kind: 'column'; readonly label: string; readonly cards: readonly string[] }
  | { readonly kind: 'dialog'; readonly label: string; readonly buttons: readonly string[] };

export interface MenuItem {
  readonly label: string;
  readonly items?: readonly MenuItem[];
}

export interface AppSpec {
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  readonly widgets: readonly WidgetSpec[];
  /** The app ends by itself at this click, as one that crashes. */
  readonly crashAtClick?: number;
}

/** What the evaluator of a test reads. */
export interface AppState {
  pressed: string[];
  fields: Record<string, string>;
  checked: Record<string, boolean>;
  command: string | null;
  sliders: Record<string, number>;
  selected: string | null;
  scrolled: number;
  columns: Record<string, string[]>;
  dialog: string | null;
  keysDown: number;
  clicks: number;
}

/** Something drawn: the frame of a kind, a filling, lines of text. */
export interface Drawn {
  readonly kind: WidgetSpec['kind'] | 'item' | 'card' | 'status';
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly lines: readonly string[];
  readonly focused: boolean;
  readonly act: (at: { x: number; y: number }) => void;
}

/** Numbers from a seed, each below `below`. */
export function numbersFrom(seed: number): (below: number) => number {
  let state = (seed * 2_654_435_761 + 12_345) >>> 0;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 3_266_489_917) >>> 0;
    return (state >>> 8) % below;
  };
}

const CELL = { width: 300, height: 120 };
const ROW_HEIGHT = 22;
const VISIBLE_ROWS = 8;
const BIG = new Set<WidgetSpec['kind']>(['list', 'column']);

export class PixelModel {
  readonly state: AppState;
  readonly #spec: AppSpec;
  readonly #places = new Map<WidgetSpec, { x: number; y: number; width: number; height: number }>();
  #focus: string | null = null;
  #replace = false;
  #path: readonly string[] = [];
  #dragged: string | null = null;

  constructor(spec: AppSpec) {
    this.#spec = spec;
    const named = <K extends WidgetSpec['kind']>(kind: K): Extract<WidgetSpec, { kind: K }>[] =>
      spec.widgets.filter((each): each is Extract<WidgetSpec, { kind: K }> => each.kind === kind);
    this.state = {
      pressed: [],
      fields: Object.fromEntries(named('field').map(({ label }) => [label, ''])),
      checked: Object.fromEntries(named('checkbox').map(({ label }) => [label, false])),
      command: null,
      sliders: Object.fromEntries(named('slider').map(({ label }) => [label, 0])),
      selected: null,
      scrolled: 0,
      columns: Object.fromEntries(named('column').map(({ label, cards }) => [label, [...cards]])),
      dialog: null,
      keysDown: 0,
      clicks: 0,
    };
    this.#place();
  }

  /** Places the widgets on a grid, in an order and with offsets that the seed decides. */
  #place(): void {
    const number = numbersFrom(this.#spec.seed);
    const columns = Math.floor(this.#spec.width / CELL.width);
    const free = Array.from({ length: columns * Math.floor((this.#spec.height - 60) / CELL.height) }, (_, n) => n);
    const taken = new Set<number>();
    const widgets = this.#spec.widgets.filter(({ kind }) => kind !== 'dialog');
    for (const widget of [...widgets].sort((a, b) => Number(BIG.has(b.kind)) - Number(BIG.has(a.kind)))) {
      const fits = free.filter((cell) => !taken.has(cell) && (!BIG.has(widget.kind) || free.includes(cell + columns)));
      const open = fits.filter((cell) => !BIG.has(widget.kind) || !taken.has(cell + columns));
      const cell = open[number(open.length)];
      if (cell === undefined) throw new Error('the app is too small for its widgets');
      taken.add(cell);
      if (BIG.has(widget.kind)) taken.add(cell + columns);
      const [x, y] = [
        (cell % columns) * CELL.width + 6 + number(14),
        Math.floor(cell / columns) * CELL.height + 6 + number(14),
      ];
      const height = BIG.has(widget.kind) ? 40 + VISIBLE_ROWS * ROW_HEIGHT : widget.kind === 'button' ? 44 : 72;
      this.#places.set(widget, { x, y, width: 250 + number(24), height });
    }
  }

  /** Everything that is drawn, what is on top last. */
  drawn(): Drawn[] {
    const dialog = this.#spec.widgets.find((each) => each.kind === 'dialog');
    const open = dialog !== undefined && this.state.dialog === null;
    const below = [...this.#places].flatMap(([widget, place]) => this.#draw(widget, place));
    const status: Drawn = {
      kind: 'status',
      x: 4,
      y: this.#spec.height - 48,
      width: this.#spec.width - 8,
      height: 42,
      lines: [this.#said()],
      focused: false,
      act: () => undefined,
    };
    const all = [...below, status, ...this.#menuItems()];
    return open ? [...all, ...this.#dialog(dialog)] : all;
  }

  #said(): string {
    const { pressed, command, selected } = this.state;
    return [
      ...pressed.slice(-3).map((label) => `pressed ${label}`),
      ...(command === null ? [] : [`command ${command}`]),
      ...(selected === null ? [] : [`selected ${selected}`]),
    ].join(', ');
  }

  /** What a click at a point means; what is on top gets it. */
  click(at: { x: number; y: number }): 'crash' | undefined {
    this.state.clicks += 1;
    if (this.#spec.crashAtClick === this.state.clicks) return 'crash';
    const hit = this.drawn().findLast((each) => isIn(each, at));
    const modal = this.#spec.widgets.some(({ kind }) => kind === 'dialog') && this.state.dialog === null;
    if (hit?.kind !== 'item' && hit?.kind !== 'menu') this.#path = [];
    if (!modal || hit?.kind === 'dialog' || (hit?.kind === 'button' && this.#isOfDialog(hit))) hit?.act(at);
    return undefined;
  }

  #isOfDialog({ lines }: Drawn): boolean {
    return this.#spec.widgets.some((each) => each.kind === 'dialog' && each.buttons.includes(lines[0] ?? ''));
  }

  press(at: { x: number; y: number }): void {
    const card = this.drawn().findLast((each) => isIn(each, at));
    this.#dragged = card?.kind === 'card' ? (card.lines[0] ?? null) : null;
  }

  /** True where a card was dropped on a column, so that no click follows. */
  release(at: { x: number; y: number }): boolean {
    const dragged = this.#dragged;
    this.#dragged = null;
    const column = this.drawn().find((each) => each.kind === 'column' && isIn(each, at))?.lines[0];
    if (dragged === null || column === undefined) return false;
    const from = Object.values(this.state.columns).find((cards) => cards.includes(dragged));
    if (!from || from === this.state.columns[column]) return false;
    from.splice(from.indexOf(dragged), 1);
    this.state.columns[column]?.push(dragged);
    return true;
  }

  wheel(at: { x: number; y: number }, rows: number): void {
    const list = this.#spec.widgets.find((each) => each.kind === 'list');
    const hit = this.drawn().findLast((each) => isIn(each, at));
    if (list?.kind !== 'list' || hit?.kind !== 'list') return;
    this.state.scrolled = Math.min(Math.max(0, this.state.scrolled + rows), list.rows - VISIBLE_ROWS);
  }

  /** A button that moves does so when the pointer comes near: after it was looked at. */
  pointer(at: { x: number; y: number }): boolean {
    for (const [widget, place] of this.#places) {
      if (widget.kind !== 'button' || !widget.moves || !isIn(place, at) || this.#moved.has(widget)) continue;
      this.#moved.add(widget);
      place.y += widget.moves;
      return true;
    }
    return false;
  }
  readonly #moved = new Set<WidgetSpec>();

  key(key: { character?: string; name?: string }): void {
    const field = this.#focus;
    if (key.name === 'select-all') this.#replace = true;
    if (field === null) return;
    const before = this.#replace ? '' : (this.state.fields[field] ?? '');
    if (key.character !== undefined) this.state.fields[field] = before + key.character;
    else if (key.name === 'BackSpace') this.state.fields[field] = [...before].slice(0, -1).join('');
    else return;
    this.#replace = false;
  }

  #draw(widget: WidgetSpec, place: { x: number; y: number; width: number; height: number }): Drawn[] {
    const { label } = widget;
    const drawn = (lines: string[], act: Drawn['act'], focused = false): Drawn => {
      return { kind: widget.kind, ...place, lines: [label, ...lines], focused, act };
    };
    const { state } = this;
    switch (widget.kind) {
      case 'button':
        return [drawn([], () => void (widget.dead || state.pressed.push(label)))];
      case 'field': {
        const focus = (): void => {
          this.#focus = label;
          this.#replace = false;
        };
        return [drawn([state.fields[label] ?? ''], focus, this.#focus === label)];
      }
      case 'checkbox':
        return [
          drawn([state.checked[label] ? '[x]' : '[ ]'], () => void (state.checked[label] = !state.checked[label])),
        ];
      case 'menu':
        return [drawn(['v'], () => void (this.#path = this.#path[0] === label ? [] : [label]))];
      case 'slider': {
        const set = ({ x }: { x: number }): void => {
          state.sliders[label] = Math.round(((x - place.x) / (place.width - 1)) * 100);
        };
        return [drawn([`${state.sliders[label]}`], set)];
      }
      case 'list':
        return [drawn(this.#rows(), (at) => this.#choose(place, at))];
      case 'column': {
        const cards = (state.columns[label] ?? []).map((card, index): Drawn => {
          const [x, y] = [place.x + 10, place.y + 36 + index * 48];
          const nothing = (): void => undefined;
          return {
            kind: 'card',
            x,
            y,
            width: place.width - 20,
            height: 42,
            lines: [card],
            focused: false,
            act: nothing,
          };
        });
        return [drawn([], () => undefined), ...cards];
      }
      case 'dialog':
        return [];
    }
  }

  #rows(): string[] {
    const { scrolled, selected } = this.state;
    return Array.from({ length: VISIBLE_ROWS }, (_, row) => {
      const name = `Item ${scrolled + row + 1}`;
      return `${name === selected ? '>' : ' '}${name}`;
    });
  }

  #choose(place: { y: number }, at: { y: number }): void {
    const row = Math.floor((at.y - place.y - 10) / ROW_HEIGHT) - 1;
    if (row >= 0 && row < VISIBLE_ROWS) this.state.selected = `Item ${this.state.scrolled + row + 1}`;
  }

  #menuItems(): Drawn[] {
    const [label, ...rest] = this.#path;
    const entry = [...this.#places].find(([widget]) => widget.kind === 'menu' && widget.label === label);
    if (!entry || entry[0].kind !== 'menu') return [];
    const { x, y, height } = entry[1];
    const up = y + height + 4 * 44 > this.#spec.height - 60;
    const place = (level: number, index: number): { x: number; y: number } => {
      const toLeft = x + 2 * 200 > this.#spec.width;
      return { x: toLeft ? x - level * 200 : x + level * 200, y: up ? y - (index + 1) * 44 : y + height + index * 44 };
    };
    const listOf = (items: readonly MenuItem[], level: number): Drawn[] => {
      const shown = items.map((item, index): Drawn => {
        const act = (): void => this.#pick(item, level);
        const at = place(level, index);
        return { kind: 'item', ...at, width: 196, height: 42, lines: [item.label], focused: false, act };
      });
      const open = items.find((item) => item.label === rest[level] && item.items);
      return open?.items ? [...shown, ...listOf(open.items, level + 1)] : shown;
    };
    return listOf(entry[0].items, 0);
  }

  #pick(item: MenuItem, level: number): void {
    if (item.items) this.#path = [...this.#path.slice(0, level + 1), item.label];
    else {
      this.state.command = [...this.#path.slice(0, level + 1), item.label].join(' > ');
      this.#path = [];
    }
  }

  #dialog(dialog: Extract<WidgetSpec, { kind: 'dialog' }>): Drawn[] {
    const width = Math.max(420, dialog.label.length * 12 + 40);
    const [x, y] = [Math.floor((this.#spec.width - width) / 2), Math.floor(this.#spec.height / 3)];
    const frame: Drawn = {
      kind: 'dialog',
      x,
      y,
      width,
      height: 130,
      lines: [dialog.label],
      focused: false,
      act: () => undefined,
    };
    const buttons = dialog.buttons.map((label, index): Drawn => {
      const act = (): void => void (this.state.dialog = label);
      const place = { x: x + 20 + index * 170, y: y + 66, width: 150, height: 44 };
      return { kind: 'button', ...place, lines: [label], focused: false, act };
    });
    return [frame, ...buttons];
  }
}

function isIn(
  { x, y, width, height }: { x: number; y: number; width: number; height: number },
  at: { x: number; y: number },
): boolean {
  return at.x >= x && at.y >= y && at.x < x + width && at.y < y + height;
}
