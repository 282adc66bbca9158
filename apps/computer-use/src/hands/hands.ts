import { AppError } from '@switchyard/contracts';
import { sleep } from '@switchyard/platform';
import type { XTest } from 'x11';
import { charactersOf, type Key, Keymap, symbolOfCharacter, symbolOfName } from './keymap.ts';
import { type XAddress, XConnection } from './x-connection.ts';

/*
 * Pointer and keyboard of one display, by the XTEST extension.
 *
 * - stop() is believed at once: before every single press it is asked whether the act is still wanted, so that nothing is
 *   pressed after it.
 * - No key and no button stays down, however an act ends.
 * - One act at a time.
 */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export type Button = 'left' | 'middle' | 'right';

const BUTTONS: Readonly<Record<Button, number>> = { left: 1, middle: 2, right: 3 };
const WHEEL = { up: 4, down: 5, left: 6, right: 7 } as const;
/** Steps of a drag between two points of its path: programs that watch the pointer see it come. */
const DRAG_STEPS = 8;
const DRAG_PAUSE_MS = 8;
/** Between the two clicks of a double click, and between press and release. */
const CLICK_PAUSE_MS = 10;
/** What programs get to read a changed mapping before its keys are pressed, and again before they are spent anew. */
const MAPPING_PAUSE_MS = 30;
/** Characters between two questions to the server, so that it never has more than a few before it. */
const TYPED_AT_ONCE = 8;

export class Hands {
  readonly #connection: XConnection;
  readonly #xtest: XTest;
  readonly #keymap: Keymap;
  readonly #root: number;
  readonly #down = new Map<string, () => void>();
  #generation = 0;
  #busy = false;

  private constructor(connection: XConnection, xtest: XTest, keymap: Keymap) {
    this.#connection = connection;
    this.#xtest = xtest;
    this.#keymap = keymap;
    this.#root = connection.display.screen[0]?.root ?? 0;
  }

  static async open(address: XAddress): Promise<Hands> {
    const connection = await XConnection.open(address);
    try {
      const [xtest, rows] = [await connection.xtest(), await connection.keyboard()];
      // A program that grabs the server, as menus do, must not hold up its own input.
      xtest.GrabControl(true);
      return new Hands(connection, xtest, new Keymap(connection.display.min_keycode, rows));
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  move(to: Point): Promise<void> {
    return this.#act(async (put) => put.pointer(to));
  }

  click(at: Point, button: Button = 'left', count = 1): Promise<void> {
    return this.#act(async (put) => {
      put.pointer(at);
      for (let n = 0; n < count; n++) {
        put.press(BUTTONS[button]);
        await sleep(CLICK_PAUSE_MS);
        put.release(BUTTONS[button]);
        if (n + 1 < count) await sleep(CLICK_PAUSE_MS);
      }
    });
  }

  /** The left button goes down at the first point and up at the last. */
  drag(path: readonly Point[]): Promise<void> {
    return this.#act(async (put) => {
      const [first, ...rest] = path as [Point, ...Point[]];
      put.pointer(first);
      put.press(BUTTONS.left);
      let from = first;
      for (const to of rest) {
        for (let step = 1; step <= DRAG_STEPS; step++) {
          await sleep(DRAG_PAUSE_MS);
          put.pointer(between(from, to, step / DRAG_STEPS));
        }
        from = to;
      }
      await sleep(DRAG_PAUSE_MS);
      put.release(BUTTONS.left);
    });
  }

  /** Notches of the wheel; positive is right and down. */
  scroll(at: Point, dx: number, dy: number): Promise<void> {
    const notches = [
      ...Array<number>(Math.abs(dy)).fill(dy > 0 ? WHEEL.down : WHEEL.up),
      ...Array<number>(Math.abs(dx)).fill(dx > 0 ? WHEEL.right : WHEEL.left),
    ];
    return this.#act(async (put) => {
      put.pointer(at);
      for (const notch of notches) {
        put.press(notch);
        put.release(notch);
        await this.#connection.sync();
      }
    });
  }

  type(text: string): Promise<void> {
    return this.#act(async (put) => {
      const shift = this.#keyOf(symbolOfName('shift') as number);
      // As many characters at a time as can be put on keys without using one twice.
      for (const part of this.#parts(charactersOf(text))) {
        const keys = await this.#keysOf(part);
        for (const [index, key] of keys.entries()) {
          if (key.shift) put.keyDown(shift.keycode);
          put.keyDown(key.keycode);
          put.keyUp(key.keycode);
          if (key.shift) put.keyUp(shift.keycode);
          if (index % TYPED_AT_ONCE === 0) await this.#connection.sync();
        }
        await this.#connection.sync();
      }
    });
  }

  /** Presses keys together, by their names, and releases them in reverse order. */
  keys(names: readonly string[]): Promise<void> {
    const symbols = names.map((name) => {
      const symbol = symbolOfName(name);
      if (symbol === undefined) throw new AppError('invalid_input', `There is no key "${name}".`);
      return symbol;
    });
    return this.#act(async (put) => {
      const keys: Key[] = [];
      for (const symbol of symbols) keys.push(this.#keymap.find(symbol) ?? (await this.#assign([symbol]))[0]!);
      const shift = this.#keyOf(symbolOfName('shift') as number).keycode;
      // Shift is pressed for a sign that needs it, unless it is among the keys anyway.
      const codes = keys.flatMap((key) => (key.shift && names.length === 1 ? [shift, key.keycode] : [key.keycode]));
      for (const code of codes) put.keyDown(code);
      for (const code of codes.reverse()) put.keyUp(code);
    });
  }

  /** Ends the act under way and releases what it holds. What is asked later is done again. */
  stop(): void {
    this.#generation++;
    this.#releaseAll();
  }

  close(): void {
    this.stop();
    this.#connection.close();
  }

  async #act(work: (put: Put) => Promise<void>): Promise<void> {
    if (this.#busy) throw new AppError('conflict', 'The hands are busy.');
    this.#busy = true;
    try {
      await work(this.#put(this.#generation));
      await this.#connection.sync();
    } finally {
      this.#releaseAll();
      this.#busy = false;
    }
  }

  /** What an act may write, as long as it is the one that is wanted. */
  #put(generation: number): Put {
    const { KeyPress, KeyRelease, ButtonPress, ButtonRelease, MotionNotify } = this.#xtest;
    const write = (type: number, detail: number, at: Point = { x: 0, y: 0 }): void => {
      if (generation !== this.#generation) throw new AppError('cancelled', 'The act was stopped.');
      this.#fake(type, detail, at);
    };
    const down = (name: string, press: number, release: number, code: number): void => {
      // Noted before it is pressed: a release too many does no harm.
      this.#down.set(name, () => this.#fake(release, code, { x: 0, y: 0 }));
      write(press, code);
    };
    const up = (name: string, release: number, code: number): void => {
      write(release, code);
      this.#down.delete(name);
    };
    return {
      pointer: (to) => write(MotionNotify, 0, to),
      press: (button) => down(`button ${button}`, ButtonPress, ButtonRelease, button),
      release: (button) => up(`button ${button}`, ButtonRelease, button),
      keyDown: (code) => down(`key ${code}`, KeyPress, KeyRelease, code),
      keyUp: (code) => up(`key ${code}`, KeyRelease, code),
    };
  }

  #fake(type: number, detail: number, { x, y }: Point): void {
    // Without this the client throws what its server refused, far from whoever waits.
    void this.#connection.client;
    this.#xtest.FakeInput(type, detail, 0, type === this.#xtest.MotionNotify ? this.#root : 0, x, y);
  }

  #releaseAll(): void {
    for (const release of [...this.#down.values()].reverse()) {
      try {
        release();
      } catch {
        // A display that is gone holds no key.
      }
    }
    this.#down.clear();
  }

  #keyOf(symbol: number): Key {
    const key = this.#keymap.find(symbol);
    if (!key) throw new AppError('internal', 'The keyboard of the display lacks a modifier.');
    return key;
  }

  /** Cuts a text so that the characters of each part that no key gives fit on the spare keys. */
  *#parts(characters: readonly string[]): Generator<string[]> {
    let [part, extra]: [string[], Set<number>] = [[], new Set()];
    for (const character of characters) {
      const symbol = symbolOfCharacter(character);
      if (!this.#keymap.isNative(symbol)) extra.add(symbol);
      if (extra.size > this.#keymap.spareKeys) {
        yield part;
        [part, extra] = [[], new Set([symbol])];
      }
      part.push(character);
    }
    if (part.length > 0) yield part;
  }

  async #keysOf(characters: readonly string[]): Promise<Key[]> {
    const symbols = characters.map(symbolOfCharacter);
    this.#keymap.keep(symbols);
    const extra = [...new Set(symbols)].filter((symbol) => !this.#keymap.find(symbol));
    if (extra.length > 0) await this.#assign(extra);
    return symbols.map((symbol) => this.#keymap.find(symbol) as Key);
  }

  async #assign(symbols: readonly number[]): Promise<Key[]> {
    await sleep(MAPPING_PAUSE_MS);
    const keys = symbols.map((symbol) => {
      const key = this.#keymap.assign(symbol);
      this.#connection.client.ChangeKeyboardMapping(key.keycode, 2, [symbol, symbol]);
      return key;
    });
    await this.#connection.sync();
    await sleep(MAPPING_PAUSE_MS);
    return keys;
  }
}

interface Put {
  pointer(to: Point): void;
  press(button: number): void;
  release(button: number): void;
  keyDown(keycode: number): void;
  keyUp(keycode: number): void;
}

function between(from: Point, to: Point, part: number): Point {
  return { x: Math.round(from.x + (to.x - from.x) * part), y: Math.round(from.y + (to.y - from.y) * part) };
}
