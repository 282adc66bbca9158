/* All tools, and which of them a caller may see. */

export { Catalog, NameTaken } from './catalog.ts';
export { CatalogChangePublisher } from './change-publisher.ts';
export { SharedManifests } from './shared-manifests.ts';
export { pageOf, Pages } from './tool-pages.ts';
export { searchTools } from './tool-search.ts';
export { KEPT_MS, Toolbox } from './toolbox.ts';
export type { ProviderAuthorisations, ProviderStatus, TenantPolicy } from './visibility.ts';
