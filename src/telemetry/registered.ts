/**
 * What an OpenTelemetry SDK has registered.
 *
 * The API is never imported: whoever installs an SDK registers it, by whichever copy of the API, under a symbol of the process,
 * and that is where it is read.
 */
import type { Attributes, ContextManager, MeterProvider, TracerProvider } from "@opentelemetry/api";
import type { LazyAttributes } from "#contract/base/telemetry";

/** The instrumentation scope, and the start of every name. */
export const SCOPE = "asimov-agents";

/** Each part by itself. */
interface Registered {
  trace?: TracerProvider;
  context?: ContextManager;
  metrics?: MeterProvider;
}

const API = Symbol.for("opentelemetry.js.api.1");
export const registered = (): Registered => (globalThis as { [API]?: Registered })[API] ?? {};

export const told = (attributes: LazyAttributes): Attributes =>
  ({ ...(typeof attributes === "function" ? attributes() : attributes) }) as Attributes;
