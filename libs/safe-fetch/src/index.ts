export { jsonMistake, jsonPlaces } from './json-text.ts';
export { bodyOnTheBus, CarriedBodies } from './carried-body.ts';
export { judgeUrl } from './address-guard.ts';
export { RedirectRefused } from './failure.ts';
export { createSafeFetch, type SafeFetch, type SafeFetchOptions, type XmppRoute } from './safe-fetch.ts';
export {
  mappedJid,
  parseServiceMap,
  SERVICE_MAP_VARIABLES,
  type ServiceMap,
  serviceMapOf,
  withoutFallback,
} from './service-map.ts';
export { type Carrier, carryOverXmpp } from './over-xmpp.ts';
