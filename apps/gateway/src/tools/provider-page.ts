/*
 * The page on which a person authorises providers. It is static: its script requests all data from this server, as the
 * person. No part of a URL is ever part of the markup.
 */

export const PROVIDER_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Connected accounts</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; background: #fff }
h1 { font-size: 1.4rem } li { border: 1px solid #ccc; border-radius: .5rem; padding: .75rem 1rem; margin: .75rem 0 }
ul { list-style: none; padding: 0 } button { font: inherit; padding: .3rem .8rem; margin: .5rem .5rem 0 0; cursor: pointer }
.note { border-left: .25rem solid #36c; padding: .25rem .75rem } .wrong { border-color: #b00 } small { color: #555 }
[hidden] { display: none }
</style>
</head>
<body>
<h1>Connected accounts</h1>
<p id="note" class="note" role="status" hidden></p>
<form id="who" hidden><label>Access token, or in development a user id:<br><input id="token" autocomplete="off" type="password"></label> <button>Continue</button></form>
<section id="consent" hidden><h2 id="ask"></h2><p id="by"></p><ul id="scopes"></ul>
<button id="yes">Continue</button><button id="no">Cancel</button></section>
<ul id="providers"></ul>
<noscript>This page needs JavaScript.</noscript>
<script src="/api/mcp/auth/page.js"></script>
</body>
</html>
`;

export const PROVIDER_PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const PROVIDER_PAGE_SCRIPT = `'use strict';
const base = '/api/mcp/auth/';
const el = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const say = (text, wrong) => { el('note').textContent = text; el('note').hidden = !text; el('note').className = wrong ? 'note wrong' : 'note'; };
const headers = () => {
  const token = sessionStorage.getItem('switchyard.token');
  if (!token) return {};
  return token.split('.').length === 3 ? { authorization: 'Bearer ' + token } : { 'x-user-id': token };
};
async function ask(method, path, body) {
  const json = body === undefined ? {} : { 'content-type': 'application/json' };
  const answer = await fetch(base + path, { method, headers: { accept: 'application/json', ...headers(), ...json }, body: body && JSON.stringify(body) });
  const data = await answer.json().catch(() => ({}));
  if (answer.status === 401) { el('who').hidden = false; throw new Error('Say who you are.'); }
  if (!answer.ok) throw new Error(data.detail || 'That did not work.');
  return data;
}
const guarded = (work) => async (event) => { if (event) event.preventDefault(); try { await work(); } catch (error) { say(error.message, true); } };
function button(text, work) { const made = document.createElement('button'); made.textContent = text; made.onclick = guarded(work); return made; }
function consent(provider) {
  el('ask').textContent = 'Allow access to ' + provider.title + '?';
  const client = query.get('client');
  const where = provider.issuer ? ' You log in at ' + new URL(provider.issuer).host + '.' : '';
  el('by').textContent = (client ? '"' + client.slice(0, 100) + '" asks for this. ' : '') + 'Tools will act at ' + provider.title + ' on your behalf.' + where + ' With:';
  const scopes = provider.scopes.concat(missing(provider));
  el('scopes').replaceChildren(...(scopes.length ? scopes : ['the usual access']).map((scope) => { const li = document.createElement('li'); li.textContent = scope; return li; }));
  el('consent').hidden = false;
  el('no').onclick = () => { el('consent').hidden = true; };
  el('yes').onclick = guarded(async () => {
    const returnTo = query.get('return_to');
    const started = await ask('POST', provider.provider + '/start', returnTo ? { return_to: returnTo } : {});
    const to = new URL(started.authorization_url);
    if (to.protocol === 'https:' || to.protocol === 'http:') location.assign(to.href);
  });
}
const missing = (provider) => provider.missing_scopes || [];
const state = (provider) => provider.status === 'connected' ? (missing(provider).length ? 'Connected, but tools need more: ' + missing(provider).join(', ') : 'Connected') : provider.status === 'expired' ? 'Expired: connect it again' : provider.status === 'not_configured' ? provider.reason : 'Not connected';
async function show() {
  const { providers } = await ask('GET', 'providers');
  el('who').hidden = true;
  if (providers.length === 0) say('No provider is set up here. An administrator names them in AUTH_PROVIDERS_FILE.');
  el('providers').replaceChildren(...providers.map((provider) => {
    const li = document.createElement('li'), name = document.createElement('strong'), status = document.createElement('div'), scopes = document.createElement('small');
    name.textContent = provider.title; status.textContent = state(provider); scopes.textContent = provider.authorized ? provider.scopes.join(', ') : '';
    li.append(name, status, scopes, document.createElement('br'));
    if (!provider.authorized && provider.status !== 'not_configured') li.append(button('Connect', async () => consent(provider)));
    else if (missing(provider).length) li.append(button('Allow more', async () => consent(provider)));
    if (provider.authorized) li.append(
      button('Check now', async () => { const live = await ask('GET', provider.provider + '/status/live'); say(provider.title + ': ' + (live.live === 'active' ? 'works' : live.live === 'inactive' ? 'does not work any more' : 'cannot be checked') + '.'); await show(); }),
      button('Disconnect', async () => { await ask('DELETE', provider.provider); say(provider.title + ' is disconnected.'); await show(); }));
    return li;
  }));
  const wanted = providers.find(({ provider }) => provider === query.get('provider'));
  if (wanted && wanted.status !== 'not_configured' && (!wanted.authorized || missing(wanted).length)) consent(wanted);
  const done = providers.find(({ provider }) => provider === query.get('connected'));
  if (done && done.authorized) say(done.title + ' is connected.');
}
el('who').onsubmit = guarded(async () => { sessionStorage.setItem('switchyard.token', el('token').value.trim()); el('token').value = ''; say(''); await show(); });
guarded(show)();
`;

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
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Not connected</title></head>
<body><h1>Not connected</h1><p>${text}</p><p><a href="/api/mcp/auth">Back to the connected accounts</a></p></body></html>
`;
}
