/* The wire formats: stanzas as servers take them, and one HTTP exchange between two bridges. Pure. */

export {
  CANCEL_HEADER,
  carriedHeaders,
  type CarryCall,
  checkRequest,
  DIGEST_HEADER,
  ExchangeError,
  FROM_HEADER,
  type HeaderList,
  headerOf,
  HOP_HEADER,
  type HttpRequest,
  type HttpResponse,
  keyOf,
  NS_CANCEL,
  timeLeft,
  TIMEOUT_HEADER,
} from './http-exchange.ts';
export { isCarried, isXmlText, MAX_STANZA_BYTES, serialised } from './stanza-text.ts';
export { type SkippedStanza, XmlStream } from './xml-stream.ts';
