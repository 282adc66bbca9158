import x11 from 'x11';

/*
 * From characters and names to keys. Pure.
 *
 * - A key gives one symbol alone and another with shift; both are found in the mapping that the server has.
 * - A character that no key gives is put on a spare key, one that gives nothing. Keys are spent in turn, so that a program
 *   that reads the mapping late still finds the character of the key that it saw.
 */

export interface Key {
  readonly keycode: number;
  readonly shift: boolean;
}

/** Names that people and models use beside those of X. */
const ALIASES: Readonly<Record<string, string>> = {
  ctrl: 'Control_L',
  control: 'Control_L',
  alt: 'Alt_L',
  option: 'Alt_L',
  shift: 'Shift_L',
  super: 'Super_L',
  meta: 'Super_L',
  cmd: 'Super_L',
  win: 'Super_L',
  enter: 'Return',
  return: 'Return',
  esc: 'Escape',
  escape: 'Escape',
  backspace: 'BackSpace',
  delete: 'Delete',
  del: 'Delete',
  insert: 'Insert',
  tab: 'Tab',
  space: 'space',
  up: 'Up',
  down: 'Down',
  left: 'Left',
  right: 'Right',
  home: 'Home',
  end: 'End',
  pageup: 'Page_Up',
  page_up: 'Page_Up',
  pagedown: 'Page_Down',
  page_down: 'Page_Down',
};

const UNICODE = 0x0100_0000;
const CONTROLS: Readonly<Record<string, string>> = { '\n': 'Return', '\r': 'Return', '\t': 'Tab' };

/** The symbol of a character: Latin-1 has its own numbers, all others are Unicode with a mark. */
export function symbolOfCharacter(character: string): number {
  const control = CONTROLS[character];
  if (control) return symbolOfName(control) as number;
  const code = character.codePointAt(0) as number;
  return (code >= 0x20 && code <= 0x7e) || (code >= 0xa0 && code <= 0xff) ? code : UNICODE + code;
}

/** The symbol of a key's name; undefined where there is none of that name. */
export function symbolOfName(name: string): number | undefined {
  if ([...name].length === 1) return symbolOfCharacter(name);
  const known = (Object.hasOwn(ALIASES, name.toLowerCase()) ? ALIASES[name.toLowerCase()] : undefined) ?? name;
  return x11.keySyms[`XK_${known}`]?.code ?? x11.keySyms[`XK_${known.toUpperCase()}`]?.code;
}

/** The characters of a text, a line break as one. */
export function charactersOf(text: string): string[] {
  return [...text.replace(/\r\n/g, '\n')];
}

export class Keymap {
  readonly #keys = new Map<number, Key>();
  readonly #spare: number[] = [];
  readonly #onSpare = new Map<number, number>();

  /** @param rows the symbols of each keycode, the first of `minKeycode` */
  constructor(minKeycode: number, rows: readonly (readonly number[])[]) {
    rows.forEach((symbols, index) => {
      const keycode = minKeycode + index;
      if (symbols.every((symbol) => symbol === 0)) this.#spare.push(keycode);
      for (const [level, shift] of [false, true].entries()) {
        const symbol = symbols[level] ?? 0;
        if (symbol !== 0 && !this.#keys.has(symbol)) this.#keys.set(symbol, { keycode, shift });
      }
      // A letter that stands alone in its row is the small one, and shift gives the other.
      const [small = 0, large = 0] = symbols;
      if (small >= 0x61 && small <= 0x7a && large === 0) this.#keys.set(small - 0x20, { keycode, shift: true });
    });
  }

  /** The key that gives a symbol; undefined where none does. */
  find(symbol: number): Key | undefined {
    return this.#keys.get(symbol);
  }

  /** True where the keyboard itself gives the symbol. */
  isNative(symbol: number): boolean {
    return this.#keys.has(symbol) && ![...this.#onSpare.values()].includes(symbol);
  }

  /** Makes the keys of these symbols the last to be used again. */
  keep(symbols: readonly number[]): void {
    for (const symbol of symbols) {
      const keycode = this.#keys.get(symbol)?.keycode;
      if (keycode === undefined || !this.#onSpare.has(keycode)) continue;
      this.#spare.splice(this.#spare.indexOf(keycode), 1);
      this.#spare.push(keycode);
    }
  }

  /** How many characters can be put on keys before one that was used is used again. */
  get spareKeys(): number {
    return this.#spare.length;
  }

  /** Puts a symbol on the spare key that was used longest ago. Throws where there is none. */
  assign(symbol: number): Key {
    const keycode = this.#spare.shift();
    if (keycode === undefined) throw new Error('the keyboard has no spare key for this character');
    this.#spare.push(keycode);
    const before = this.#onSpare.get(keycode);
    if (before !== undefined) this.#keys.delete(before);
    this.#onSpare.set(keycode, symbol);
    const key = { keycode, shift: false };
    this.#keys.set(symbol, key);
    return key;
  }
}
