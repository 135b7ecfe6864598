/** Spans and figures by `@opentelemetry/api`, which records nothing until the user installs an SDK. */
import {
  type Context,
  type Counter,
  context,
  type Histogram,
  metrics,
  type Attributes as SpanAttributes,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { Attributes, Instrument, Span, Telemetry } from "../contract/telemetry.ts";

/** The instrumentation scope, and the start of every name. */
const SCOPE = "asimov-agents";

class ApiSpan implements Span {
  readonly context: Context;

  constructor(within: Context) {
    this.context = within;
  }

  run<T>(work: () => T): T {
    return context.with(this.context, work);
  }

  set(attributes: Attributes): void {
    trace.getSpan(this.context)?.setAttributes(attributes as SpanAttributes);
  }

  event(name: string, attributes: Attributes): void {
    trace.getSpan(this.context)?.addEvent(name, attributes as SpanAttributes);
  }

  end(error?: string): void {
    const span = trace.getSpan(this.context);
    if (span === undefined || !span.isRecording()) return;
    if (error !== undefined) {
      span.recordException({ name: "Error", message: error });
      span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    }
    span.end();
  }
}

/** Figures: `asimov.node.visits`, a counter, and `asimov.node.duration`, a histogram in seconds, both by `asimov.node.status`. */
export function openTelemetry(): Telemetry {
  // Made at the first visit: what the API gives before an SDK is installed records nothing for ever.
  const histograms = new Map<Instrument, Histogram>();
  let figures: { visits: Counter; durations: Histogram } | undefined;
  return {
    startSpan(name, attributes, parent, kind) {
      const within = parent instanceof ApiSpan ? parent.context : context.active();
      const span = trace
        .getTracer(SCOPE)
        .startSpan(
          name,
          { attributes: { ...attributes } as SpanAttributes, kind: kind === "client" ? SpanKind.CLIENT : SpanKind.INTERNAL },
          within,
        );
      return new ApiSpan(trace.setSpan(within, span));
    },
    record(instrument, value, attributes) {
      let histogram = histograms.get(instrument);
      if (histogram === undefined) {
        const { name, description, unit, bounds } = instrument;
        const advice = bounds === undefined ? {} : { advice: { explicitBucketBoundaries: [...bounds] } };
        histogram = metrics.getMeter(SCOPE).createHistogram(name, { description, unit, ...advice });
        histograms.set(instrument, histogram);
      }
      histogram.record(value, attributes as SpanAttributes);
    },
    countNode(status, durationMs) {
      const attributes = { "asimov.node.status": status };
      figures ??= createFigures();
      figures.visits.add(1, attributes);
      figures.durations.record(durationMs / 1_000, attributes);
    },
  };
}

function createFigures(): { visits: Counter; durations: Histogram } {
  const meter = metrics.getMeter(SCOPE);
  return {
    visits: meter.createCounter("asimov.node.visits", { description: "Visits of nodes that ended", unit: "{visit}" }),
    durations: meter.createHistogram("asimov.node.duration", { description: "How long a visit of a node took", unit: "s" }),
  };
}
