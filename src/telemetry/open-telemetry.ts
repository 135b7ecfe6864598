/** Spans and figures by `@opentelemetry/api`, which records nothing until the user installs an SDK. */
import { type Context, type Counter, context, type Histogram, metrics, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Span, Telemetry } from "../contract/telemetry.ts";

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
  let figures: { visits: Counter; durations: Histogram } | undefined;
  return {
    startSpan(name, attributes, parent) {
      const within = parent instanceof ApiSpan ? parent.context : context.active();
      const span = trace.getTracer(SCOPE).startSpan(name, { attributes: { ...attributes } }, within);
      return new ApiSpan(trace.setSpan(within, span));
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
