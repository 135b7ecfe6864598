/** The entry point `asimov-agents/testing`: the laws that every driver keeps, to run against a driver of your own. */
export { type CacheSuiteOptions, cacheLaws } from "./testing/cache-suite.ts";
export type { Law } from "./testing/law.ts";
export { type SnapshotSuiteOptions, snapshotStoreLaws } from "./testing/snapshot-suite.ts";
