import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { Keymap, symbolOfCharacter, symbolOfName } from './keymap.ts';

const MIN = 8;
/** Keys for a, 1 and !, and three that give nothing. */
const keymap = (): Keymap =>
  new Keymap(MIN, [
    [0x61, 0x41],
    [0x31, 0x21],
    [0, 0],
    [0, 0],
    [0, 0],
  ]);

describe('the keymap', () => {
  it('finds the key of a symbol, with shift where the key needs it', () => {
    expect(keymap().find(symbolOfCharacter('a'))).toEqual({ keycode: 8, shift: false });
    expect(keymap().find(symbolOfCharacter('A'))).toEqual({ keycode: 8, shift: true });
    expect(keymap().find(symbolOfCharacter('!'))).toEqual({ keycode: 9, shift: true });
    expect(keymap().find(symbolOfCharacter('你'))).toBeUndefined();
  });

  it('knows keys by the names of X and by those that people use', () => {
    expect(symbolOfName('Return')).toBe(symbolOfName('enter'));
    expect(symbolOfName('ctrl')).toBe(symbolOfName('Control_L'));
    expect(symbolOfName('f5')).toBe(symbolOfName('F5'));
    expect(symbolOfName('a')).toBe(0x61);
    expect(symbolOfName('nonsense')).toBeUndefined();
    expect(symbolOfName('constructor')).toBeUndefined();
  });

  it('has each of the last characters on a key of its own, as many as there are spare keys', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...'äöüß你好€'), { maxLength: 30 }), (characters) => {
        const keys = keymap();
        for (const character of characters) {
          const symbol = symbolOfCharacter(character);
          keys.keep([symbol]);
          if (!keys.find(symbol)) keys.assign(symbol);
        }
        const last = [...new Set([...characters].reverse())].slice(0, keys.spareKeys).map(symbolOfCharacter);
        const codes = last.map((symbol) => keys.find(symbol)?.keycode);
        expect(codes).not.toContain(undefined);
        expect(new Set(codes).size).toBe(last.length);
        expect(keys.find(symbolOfCharacter('a'))).toEqual({ keycode: 8, shift: false });
      }),
    );
  });
});
