/** An OpenTelemetry SDK in memory, with a context manager on AsyncLocalStorage; registered for one test file, gone after it. */
import { AsyncLocalStorage } from "node:async_hooks";
import { type Context, type ContextManager, context, metrics, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { afterAll, beforeAll, beforeEach } from "vitest";

export class AsyncContext implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();
  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    within: Context,
    work: F,
    self?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(within, () => work.apply(self as never, args));
  }
  bind<T>(within: Context, target: T): T {
    if (typeof target !== "function") return target;
    return ((...args: unknown[]) => this.#storage.run(within, () => target(...args))) as T;
  }
  enable(): this {
    return this;
  }
  disable(): this {
    return this;
  }
}

class Reader extends MetricReader {
  protected async onForceFlush(): Promise<void> {}
  protected async onShutdown(): Promise<void> {}
}

export interface Recorder {
  /** Ended spans by name; a name that is there twice is a failed test. */
  spans(): Map<string, ReadableSpan>;
  ended(): ReadableSpan[];
  started(): number;
  /** The name of a span's parent, or undefined for a root. */
  parentOf(name: string): string | undefined;
  figures(): Promise<Record<string, { attributes: unknown; value: unknown }[]>>;
}

export function recorder(): Recorder {
  const exporter = new InMemorySpanExporter();
  const reader = new Reader();
  let started = 0;
  const counting = new SimpleSpanProcessor({ exporter });
  const onStart = counting.onStart.bind(counting);
  counting.onStart = (...args) => {
    started++;
    onStart(...args);
  };
  const tracers = new TracerProvider({ spanProcessors: [counting] });
  beforeAll(() => {
    trace.setGlobalTracerProvider(tracers);
    context.setGlobalContextManager(new AsyncContext());
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  });
  beforeEach(() => {
    started = 0;
    exporter.reset();
  });
  afterAll(() => {
    trace.disable();
    context.disable();
    metrics.disable();
  });
  const spans = (): Map<string, ReadableSpan> => {
    const all = exporter.getFinishedSpans();
    const byName = new Map(all.map((span) => [span.name, span]));
    if (byName.size !== all.length) throw new Error(`two spans have one name: ${all.map(({ name }) => name).join(", ")}`);
    return byName;
  };
  return {
    spans,
    ended: () => exporter.getFinishedSpans(),
    started: () => started,
    parentOf(name) {
      const id = spans().get(name)?.parentSpanContext?.spanId;
      if (id === undefined) return undefined;
      return exporter.getFinishedSpans().find((span) => span.spanContext().spanId === id)?.name ?? "a span that has not ended";
    },
    async figures() {
      const { resourceMetrics } = await reader.collect();
      const all = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
      return Object.fromEntries(
        all.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints.map(({ attributes, value }) => ({ attributes, value }))]),
      );
    },
  };
}
