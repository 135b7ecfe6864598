/** Spans and figures by OpenTelemetry's API, which records nothing until the user installs an SDK. */
import type {
  Context,
  Attributes as SpanAttributes,
  SpanKind,
  Span as SpanOfApi,
  SpanStatusCode,
  TracerProvider,
} from "@opentelemetry/api";
import { brand } from "#contract/base/brand";
import { errorDetailsOf, shownMessageOf } from "#contract/base/error-details";
import { asimovErrorOf } from "#contract/base/errors";
import type { Attributes, LazyAttributes, Span, SpanFailure, Telemetry } from "#contract/base/telemetry";
import { ERROR_TYPE } from "./gen-ai.ts";
import { meters } from "./meters.ts";
import { registered, SCOPE, told } from "./registered.ts";

/** Where an SDK was installed; the API's own proxy says so, whichever copy of the API it is of. */
function installedTracers(): TracerProvider | undefined {
  const provider = registered().trace as (TracerProvider & { getDelegateTracer?(name: string): unknown }) | undefined;
  return provider?.getDelegateTracer !== undefined && provider.getDelegateTracer(SCOPE) === undefined ? undefined : provider;
}

/** What `createContextKey` makes, in every copy of the API. */
const SPAN_KEY = Symbol.for("OpenTelemetry Context Key SPAN");
const CLIENT: SpanKind.CLIENT = 2;
const INTERNAL: SpanKind.INTERNAL = 0;
const ERROR: SpanStatusCode.ERROR = 2;

/** A context where nobody has registered one. */
class RootContext implements Context {
  readonly #values: ReadonlyMap<symbol, unknown>;

  constructor(values: ReadonlyMap<symbol, unknown> = new Map()) {
    this.#values = values;
  }

  getValue(key: symbol): unknown {
    return this.#values.get(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return new RootContext(new Map(this.#values).set(key, value));
  }

  deleteValue(key: symbol): Context {
    return new RootContext(new Map([...this.#values].filter(([known]) => known !== key)));
  }
}

const UNTRACED: Span = { run: (work) => work(), set: () => {}, event: () => {}, end: () => {}, fail: () => {} };

/** The names are those of OpenTelemetry's semantic conventions for exceptions, as far as they go. */
function exceptionAttributes(message: string, { name = "Error", stack, cause, properties }: SpanFailure): SpanAttributes {
  return {
    "exception.type": name,
    "exception.message": message,
    ...(stack === undefined ? {} : { "exception.stacktrace": stack }),
    ...(cause === undefined ? {} : { "asimov.error.cause": JSON.stringify(cause) }),
    ...(properties === undefined ? {} : { "asimov.error.properties": JSON.stringify(properties) }),
  };
}

class ApiSpan implements Span {
  readonly context: Context;

  constructor(within: Context) {
    this.context = within;
  }

  get #span(): SpanOfApi | undefined {
    return this.context.getValue(SPAN_KEY) as SpanOfApi | undefined;
  }

  run<T>(work: () => T): T {
    const manager = registered().context;
    return manager === undefined ? work() : manager.with(this.context, work);
  }

  set(attributes: LazyAttributes): void {
    this.#span?.setAttributes(told(attributes));
  }

  event(name: string, attributes: Attributes): void {
    this.#span?.addEvent(name, attributes as SpanAttributes);
  }

  end(error?: string, details: SpanFailure = {}): void {
    const span = this.#span;
    if (span === undefined || !span.isRecording()) return;
    if (error !== undefined) {
      span.addEvent("exception", exceptionAttributes(error, details));
      span.setAttribute(ERROR_TYPE, details.code ?? details.name ?? "_OTHER");
      span.setStatus({ code: ERROR, message: error });
    }
    span.end();
  }

  fail(thrown: unknown): void {
    if (this.#span?.isRecording() !== true) return;
    const code = asimovErrorOf(thrown)?.code;
    this.end(shownMessageOf(thrown), { ...errorDetailsOf(thrown), ...(code === undefined ? {} : { code }) });
  }
}

brand(ApiSpan, "ApiSpan");

/** Spans here; for figures see `meters`. */
export function openTelemetry(): Telemetry {
  return {
    startSpan(name, attributes, parent, kind) {
      const tracers = installedTracers();
      if (tracers === undefined) return UNTRACED;
      const within = parent instanceof ApiSpan ? parent.context : (registered().context?.active() ?? new RootContext());
      const about = { attributes: told(attributes), kind: kind === "client" ? CLIENT : INTERNAL };
      return new ApiSpan(within.setValue(SPAN_KEY, tracers.getTracer(SCOPE).startSpan(name, about, within)));
    },
    ...meters(),
  };
}
