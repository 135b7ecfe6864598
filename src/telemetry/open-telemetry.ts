/** Spans and figures by `@opentelemetry/api`, which records nothing until the user installs an SDK. */
import { type Context, context, metrics, SpanStatusCode, trace } from "@opentelemetry/api";
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
  const meter = metrics.getMeter(SCOPE);
  const visits = meter.createCounter("asimov.node.visits", { description: "Visits of nodes that ended", unit: "{visit}" });
  const durations = meter.createHistogram("asimov.node.duration", { description: "How long a visit of a node took", unit: "s" });
  return {
    startSpan(name, attributes, parent) {
      const within = parent instanceof ApiSpan ? parent.context : context.active();
      const span = trace.getTracer(SCOPE).startSpan(name, { attributes: { ...attributes } }, within);
      return new ApiSpan(trace.setSpan(within, span));
    },
    countNode(status, durationMs) {
      const attributes = { "asimov.node.status": status };
      visits.add(1, attributes);
      durations.record(durationMs / 1_000, attributes);
    },
  };
}
