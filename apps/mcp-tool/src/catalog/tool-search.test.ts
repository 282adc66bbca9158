import { describe, expect, it } from '@jest/globals';
import { searchTools } from './tool-search.ts';

const tool = (name: string, description: string, provider = 'p') => ({ name, description, provider });
const TOOLS = [
  tool('gmail__send_message', 'Send an email to somebody.', 'gmail'),
  tool('gmail__list_messages', 'List emails of the mailbox.', 'gmail'),
  tool('get_weather', 'Tell the weather of a city.', 'weather'),
  tool('add_note', 'Save a note; it can be sent later.', 'notes'),
];
const names = (query: string, topK = 10) => searchTools(TOOLS, query, topK).map(({ tool: { name } }) => name);

describe('the search for tools', () => {
  it('prefers what is named so over what only mentions it', () => {
    expect(names('send message')[0]).toBe('gmail__send_message');
    expect(names('weather')).toEqual(['get_weather']);
  });

  it('finds beginnings of words, whatever their case', () => {
    expect(names('EMAIL')).toEqual(expect.arrayContaining(['gmail__send_message', 'gmail__list_messages']));
    expect(names('notes')).toEqual(['add_note']);
  });

  it('finds nothing where nothing fits, and no more than was asked for', () => {
    expect(names('zebra')).toEqual([]);
    expect(names('the of')).toEqual([]);
    expect(names('gmail', 1)).toHaveLength(1);
  });
});
