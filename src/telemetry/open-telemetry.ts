/** Spans and figures by `@opentelemetry/api`, which records nothing until the user installs an SDK. */
import {
  type Context,
  type Counter,
  context,
  createNoopMeter,
  type Histogram,
  type Meter,
  metrics,
  type Attributes as SpanAttributes,
  SpanKind,
  SpanStatusCode,
  trace,
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

/** Whether no SDK was installed so far; the API's own proxy says so, whichever copy of the API it is of. */
function isUntraced(): boolean {
  const provider = trace.getTracerProvider() as { getDelegateTracer?(name: string): unknown };
  return provider.getDelegateTracer !== undefined && provider.getDelegateTracer(SCOPE) === undefined;
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

  run<T>(work: () => T): T {
    return context.with(this.context, work);
  }

  set(attributes: LazyAttributes): void {
    trace.getSpan(this.context)?.setAttributes(told(attributes));
  }

  event(name: string, attributes: Attributes): void {
    trace.getSpan(this.context)?.addEvent(name, attributes as SpanAttributes);
  }

  end(error?: string, details: SpanFailure = {}): void {
    const span = trace.getSpan(this.context);
    if (span === undefined || !span.isRecording()) return;
    if (error !== undefined) {
      span.addEvent("exception", exceptionAttributes(error, details));
      span.setAttribute(ERROR_TYPE, details.code ?? details.name ?? "_OTHER");
      span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    }
    span.end();
  }

  fail(thrown: unknown): void {
    if (trace.getSpan(this.context)?.isRecording() !== true) return;
    const code = asimovErrorOf(thrown)?.code;
    this.end(shownMessageOf(thrown), { ...errorDetailsOf(thrown), ...(code === undefined ? {} : { code }) });
  }
}

brand(ApiSpan, "ApiSpan");

/** Figures: `asimov.node.visits`, a counter, and `asimov.node.duration`, a histogram in seconds, both by `asimov.node.status`. */
export function openTelemetry(): Telemetry {
  const histograms = new Map<Instrument, Histogram>();
  let figures: { visits: Counter; durations: Histogram } | undefined;
  return {
    startSpan(name, attributes, parent, kind) {
      if (isUntraced()) return UNTRACED;
      const within = parent instanceof ApiSpan ? parent.context : context.active();
      const about = { attributes: told(attributes), kind: kind === "client" ? SpanKind.CLIENT : SpanKind.INTERNAL };
      return new ApiSpan(trace.setSpan(within, trace.getTracer(SCOPE).startSpan(name, about, within)));
    },
    record(instrument, value, attributes) {
      let histogram = histograms.get(instrument);
      if (histogram === undefined) {
        const meter = installedMeter();
        if (meter === undefined) return;
        const { name, description, unit, bounds } = instrument;
        const advice = bounds === undefined ? {} : { advice: { explicitBucketBoundaries: [...bounds] } };
        histogram = meter.createHistogram(name, { description, unit, ...advice });
        histograms.set(instrument, histogram);
      }
      histogram.record(value, told(attributes));
    },
    countNode(status, durationMs) {
      const meter = figures === undefined ? installedMeter() : undefined;
      if (meter !== undefined) figures = createFigures(meter);
      if (figures === undefined) return;
      const attributes = { "asimov.node.status": status };
      figures.visits.add(1, attributes);
      figures.durations.record(durationMs / 1_000, attributes);
    },
  };
}

/** What the API gives before an SDK is installed records nothing for ever: no instrument may be made of it. */
function installedMeter(): Meter | undefined {
  const meter = metrics.getMeter(SCOPE);
  return meter === createNoopMeter() ? undefined : meter;
}

function createFigures(meter: Meter): { visits: Counter; durations: Histogram } {
  return {
    visits: meter.createCounter("asimov.node.visits", { description: "Visits of nodes that ended", unit: "{visit}" }),
    durations: meter.createHistogram("asimov.node.duration", { description: "How long a visit of a node took", unit: "s" }),
  };
}
