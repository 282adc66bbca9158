'use strict';

/*
 * The page on which a person authorises providers. It requests all data from this server, as the person. What a URL or
 * the server says becomes text of the page, never markup.
 */

const BASE = '/api/mcp/auth/';
const TOKEN = 'switchyard.token';
const query = new URLSearchParams(location.search);

const el = (id) => document.getElementById(id);

function made(tag, text = '') {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

function say(text, isWrong = false) {
  el('note').textContent = text;
  el('note').hidden = !text;
  el('note').className = isWrong ? 'note wrong' : 'note';
}

/** An access token has three parts; anything else is a user id of development. */
function identity() {
  const token = sessionStorage.getItem(TOKEN);
  if (!token) return {};
  return token.split('.').length === 3 ? { authorization: `Bearer ${token}` } : { 'x-user-id': token };
}

/** Throws a sentence for the person. */
async function ask(method, path, body) {
  const json = body === undefined ? {} : { 'content-type': 'application/json' };
  const headers = { accept: 'application/json', ...identity(), ...json };
  const answer = await fetch(BASE + path, { method, headers, body: body && JSON.stringify(body) });
  const data = await answer.json().catch(() => ({}));
  if (answer.status === 401) {
    el('who').hidden = false;
    throw new Error('Say who you are.');
  }
  if (!answer.ok) throw new Error(data.detail || 'That did not work.');
  return data;
}

/** An event listener that shows the person why `work` failed. */
function guarded(work) {
  return async (event) => {
    if (event) event.preventDefault();
    try {
      await work();
    } catch (error) {
      say(error.message, true);
    }
  };
}

function button(text, work) {
  const element = made('button', text);
  element.onclick = guarded(work);
  return element;
}

const missing = (provider) => provider.missing_scopes || [];

function stateOf(provider) {
  if (provider.status === 'connected')
    return missing(provider).length ? `Connected, but tools need more: ${missing(provider).join(', ')}` : 'Connected';
  if (provider.status === 'expired') return 'Expired: connect it again';
  return provider.status === 'not_configured' ? provider.reason : 'Not connected';
}

function showConsent(provider) {
  const client = query.get('client');
  const asks = client ? `"${client.slice(0, 100)}" asks for this. ` : '';
  const where = provider.issuer ? ` You log in at ${new URL(provider.issuer).host}.` : '';
  el('ask').textContent = `Allow access to ${provider.title}?`;
  el('by').textContent = `${asks}Tools will act at ${provider.title} on your behalf.${where} With:`;
  const scopes = provider.scopes.concat(missing(provider));
  el('scopes').replaceChildren(...(scopes.length ? scopes : ['the usual access']).map((scope) => made('li', scope)));
  el('consent').hidden = false;
  el('no').onclick = () => {
    el('consent').hidden = true;
  };
  el('yes').onclick = guarded(() => start(provider));
}

/** Leaves the page for the provider, which is reached by http or https alone. */
async function start(provider) {
  const returnTo = query.get('return_to');
  const started = await ask('POST', `${provider.provider}/start`, returnTo ? { return_to: returnTo } : {});
  const to = new URL(started.authorization_url);
  if (to.protocol === 'https:' || to.protocol === 'http:') location.assign(to.href);
}

const LIVE = { active: 'works', inactive: 'does not work any more' };

async function check(provider) {
  const { live } = await ask('GET', `${provider.provider}/status/live`);
  say(`${provider.title}: ${LIVE[live] || 'cannot be checked'}.`);
  await show();
}

async function disconnect(provider) {
  await ask('DELETE', provider.provider);
  say(`${provider.title} is disconnected.`);
  await show();
}

function rowOf(provider) {
  const row = document.createElement('li');
  const scopes = provider.authorized ? provider.scopes.join(', ') : '';
  row.append(made('strong', provider.title), made('div', stateOf(provider)), made('small', scopes), made('br'));
  if (!provider.authorized && provider.status !== 'not_configured')
    row.append(button('Connect', async () => showConsent(provider)));
  else if (missing(provider).length) row.append(button('Allow more', async () => showConsent(provider)));
  if (provider.authorized)
    row.append(
      button('Check now', () => check(provider)),
      button('Disconnect', () => disconnect(provider)),
    );
  return row;
}

async function show() {
  const { providers } = await ask('GET', 'providers');
  el('who').hidden = true;
  if (providers.length === 0) say('No provider is set up here. An administrator names them in AUTH_PROVIDERS_FILE.');
  el('providers').replaceChildren(...providers.map(rowOf));
  const wanted = providers.find(({ provider }) => provider === query.get('provider'));
  if (wanted && wanted.status !== 'not_configured' && (!wanted.authorized || missing(wanted).length))
    showConsent(wanted);
  const done = providers.find(({ provider }) => provider === query.get('connected'));
  if (done && done.authorized) say(`${done.title} is connected.`);
}

el('who').onsubmit = guarded(async () => {
  sessionStorage.setItem(TOKEN, el('token').value.trim());
  el('token').value = '';
  say('');
  await show();
});
void guarded(show)();
