import { context, metrics, trace } from "@opentelemetry/api";
import { Agent, defineModule, Node, Task } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { AsyncContext } from "./recorder.ts";

describe("a process without an OpenTelemetry SDK", () => {
  it("records nothing, and installs nothing", async () => {
    const seen: unknown[] = [];
    const agent = new Agent({
      nodes: [
        new Node({
          name: "traced",
          trace: true,
          modules: [
            defineModule({
              name: "traced",
              trace: true,
              async process() {
                const span = trace.getActiveSpan();
                seen.push(span?.isRecording() ?? false, trace.getTracer("user").startSpan("own").isRecording());
                return { status: "success" };
              },
            }),
          ],
        }),
      ],
    });
    expect((await agent.runTask(new Task({ type: "test", objective: "Be quiet" }))).status).toBe("COMPLETE");
    expect(seen).toEqual([false, false]);
    expect(trace.getTracerProvider().getTracer("any").startSpan("any").isRecording()).toBe(false);
    // Each of these is true only where nobody had registered one.
    expect(context.setGlobalContextManager(new AsyncContext())).toBe(true);
    expect(metrics.setGlobalMeterProvider(metrics.getMeterProvider())).toBe(true);
    context.disable();
    metrics.disable();
  });
});
