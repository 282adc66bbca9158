export { isPublicAddress, judgeUrl } from './address-guard.ts';
export { createSafeFetch, type SafeFetchOptions } from './safe-fetch.ts';
export { mappedJid, parseServiceMap, type ServiceMap } from './service-map.ts';
