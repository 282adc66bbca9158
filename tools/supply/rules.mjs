// @ts-check

/*
 * What the lock files are judged by. A package that is new here is looked at by a person, who adds a line.
 */

/** Licences of what is in an image. */
export const SHIPPED_LICENCES = [
  ...['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'Unlicense', 'BlueOak-1.0.0'],
  ...['CC0-1.0', 'Zlib'],
];
/** Licences of what only builds or tests: nothing of it is handed on. */
export const TOOL_LICENCES = [...SHIPPED_LICENCES, 'Python-2.0', 'CC-BY-4.0', 'EPL-2.0', 'MPL-2.0'];

/**
 * Packages whose lock entry names no licence, with that which a person read in their own LICENSE; of the two servers, which
 * come without one, in their README. Where they are installed the text is looked at again.
 */
export const READ_LICENCES = {
  ...{ '@ag-ui/client-0.0.41': 'MIT', '@ag-ui/client-0.0.48': 'MIT' },
  ...{ '@ag-ui/core': 'MIT', '@ag-ui/encoder': 'MIT', '@ag-ui/proto': 'MIT' },
  'sasl-anonymous': 'MIT',
  'sasl-plain': 'MIT',
  saslmechanisms: 'MIT',
  'seq-queue': 'MIT',
  x11: 'MIT',
  '@modelcontextprotocol/inspector': 'Apache-2.0 AND MIT',
  '@modelcontextprotocol/server-everything': 'MIT',
  '@modelcontextprotocol/server-filesystem': 'MIT',
};

/**
 * Packages that guard something: tokens, keys, TLS, parsers of untrusted input, connections to servers. What ships has
 * one version of each, so that one update reaches every service.
 */
export const ONE_VERSION = [
  ...['jose', 'openid-client', 'oauth4webapi', 'tweetnacl', 'nkeys.js'],
  ...['fastify', 'find-my-way', 'light-my-request', 'secure-json-parse', 'cookie', 'path-to-regexp', 'hono'],
  ...['undici', 'ws', 'nats', 'pg', 'pg-protocol', 'ioredis', 'openai', 'ajv', 'yaml', 'ipaddr.js'],
  ...['@xmpp/client', '@xmpp/xml', 'ltx', 'saslmechanisms', 'sasl-scram-sha-1'],
  ...['@modelcontextprotocol/client', '@modelcontextprotocol/server', '@nestjs/core', '@prisma/client'],
];

/** What a text of a licence says of itself; undefined where it is none of these. @param {string} text */
export function licenceIn(text) {
  if (/Apache License\s+Version 2\.0/.test(text))
    return /remain licensed under the MIT License/.test(text) ? 'Apache-2.0 AND MIT' : 'Apache-2.0';
  if (/Permission is hereby granted, free of charge, to any person/.test(text)) return 'MIT';
  if (/Permission to use, copy, modify, and(\/or)? distribute this software/.test(text)) return 'ISC';
  return undefined;
}
