import { readFileSync } from 'node:fs';

/*
 * The page on which a person authorises providers: the files of `static/provider`, read once. It is static: its script
 * requests all data from this server, as the person. No part of a URL is ever part of the markup.
 */

const read = (file: string): string => readFileSync(new URL(`../../static/provider/${file}`, import.meta.url), 'utf8');

export const PROVIDER_PAGE = read('index.html');

export const PROVIDER_PAGE_SCRIPT = read('page.js');

export const PROVIDER_PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FAILED = read('failed.html');

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** The page after a failed authorisation. */
export function failurePage(sentence: string): string {
  const text = sentence.replace(/[&<>"']/g, (character) => ESCAPES[character]!);
  return FAILED.replace('{{sentence}}', () => text);
}
