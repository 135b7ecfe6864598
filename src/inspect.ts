/** The public names of `asimov-agents/inspect`. */
export { type RedactOptions, redact } from "./contract/base/redact.ts";
export { type SafeInspectorOptions, safeInspector } from "./inspect/safe-inspector.ts";
export { type StatelyInspector, type StatelyInspectorOptions, statelyInspector } from "./inspect/stately-inspector.ts";
