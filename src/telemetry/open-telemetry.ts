/**
 * Spans and figures by OpenTelemetry's API, which records nothing until the user installs an SDK.
 *
 * The API is never imported: whoever installs an SDK registers it, by whichever copy of the API, under a symbol of the process,
 * and that is where it is read.
 */
import type {
  Context,
  ContextManager,
  Counter,
  Histogram,
  Meter,
  MeterProvider,
  Attributes as SpanAttributes,
  SpanKind,
  Span as SpanOfApi,
  SpanStatusCode,
  TracerProvider,
} from "@opentelemetry/api";
import { brand } from "#contract/base/brand";
import { errorDetailsOf, shownMessageOf } from "#contract/base/error-details";
import { asimovErrorOf } from "#contract/base/errors";
import type { Attributes, Instrument, LazyAttributes, Span, SpanFailure, Telemetry } from "#contract/base/telemetry";
import { ERROR_TYPE } from "./gen-ai.ts";

/** The instrumentation scope, and the start of every name. */
const SCOPE = "asimov-agents";

const told = (attributes: LazyAttributes): SpanAttributes =>
  ({ ...(typeof attributes === "function" ? attributes() : attributes) }) as SpanAttributes;

/** What was registered; each part by itself. */
interface Registered {
  trace?: TracerProvider;
  context?: ContextManager;
  metrics?: MeterProvider;
}
const API = Symbol.for("opentelemetry.js.api.1");
const registered = (): Registered => (globalThis as { [API]?: Registered })[API] ?? {};

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

/** Figures: `asimov.node.visits`, a counter, and `asimov.node.duration`, a histogram in seconds, both by `asimov.node.status`. */
export function openTelemetry(): Telemetry {
  let provider: MeterProvider | undefined;
  let meter: Meter | undefined;
  let histograms = new Map<Instrument, Histogram>();
  let figures: Figures | undefined;
  /** Instruments are made once for each SDK that was installed, and of none before that. */
  function installedMeter(): Meter | undefined {
    const { metrics } = registered();
    if (metrics !== provider) {
      provider = metrics;
      meter = metrics?.getMeter(SCOPE);
      histograms = new Map();
      figures = undefined;
    }
    return meter;
  }
  return {
    startSpan(name, attributes, parent, kind) {
      const tracers = installedTracers();
      if (tracers === undefined) return UNTRACED;
      const within = parent instanceof ApiSpan ? parent.context : (registered().context?.active() ?? new RootContext());
      const about = { attributes: told(attributes), kind: kind === "client" ? CLIENT : INTERNAL };
      return new ApiSpan(within.setValue(SPAN_KEY, tracers.getTracer(SCOPE).startSpan(name, about, within)));
    },
    record(instrument, value, attributes) {
      const installed = installedMeter();
      if (installed === undefined) return;
      const histogram = histograms.get(instrument) ?? createHistogram(installed, instrument);
      histograms.set(instrument, histogram);
      histogram.record(value, told(attributes));
    },
    countNode(status, durationMs) {
      const installed = installedMeter();
      if (installed === undefined) return;
      figures ??= createFigures(installed);
      const attributes = { "asimov.node.status": status };
      figures.visits.add(1, attributes);
      figures.durations.record(durationMs / 1_000, attributes);
    },
  };
}

function createHistogram(meter: Meter, { name, description, unit, bounds }: Instrument): Histogram {
  const advice = bounds === undefined ? {} : { advice: { explicitBucketBoundaries: [...bounds] } };
  return meter.createHistogram(name, { description, unit, ...advice });
}

interface Figures {
  visits: Counter;
  durations: Histogram;
}

function createFigures(meter: Meter): Figures {
  return {
    visits: meter.createCounter("asimov.node.visits", { description: "Visits of nodes that ended", unit: "{visit}" }),
    durations: meter.createHistogram("asimov.node.duration", { description: "How long a visit of a node took", unit: "s" }),
  };
}
