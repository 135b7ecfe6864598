/** Figures by OpenTelemetry's API: instruments are made once for each SDK that was installed, and of none before that. */
import type { BatchObservableCallback, Counter, Histogram, Meter, MeterProvider, ObservableGauge } from "@opentelemetry/api";
import type { Instrument, ReadGauges, Telemetry } from "#contract/base/telemetry";
import { registered, SCOPE, told } from "./registered.ts";

interface Made {
  histograms: Map<Instrument, Histogram>;
  counters: Map<Instrument, Counter>;
  nodes?: NodeFigures;
}

interface NodeFigures {
  visits: Counter;
  durations: Histogram;
}

interface Observer {
  gauges: readonly Instrument[];
  read: ReadGauges;
  end?: () => void;
}

/** Beside what is recorded by name: `asimov.node.visits`, a counter, and `asimov.node.duration`, a histogram in seconds, both by `asimov.node.status`. */
export function meters(): Omit<Telemetry, "startSpan"> {
  let provider: MeterProvider | undefined;
  let meter: Meter | undefined;
  let made: Made = { histograms: new Map(), counters: new Map() };
  const observers = new Set<Observer>();
  function installedMeter(): Meter | undefined {
    const { metrics } = registered();
    if (metrics !== provider) {
      provider = metrics;
      meter = metrics?.getMeter(SCOPE);
      made = { histograms: new Map(), counters: new Map() };
      for (const observer of observers) attach(observer);
    }
    return meter;
  }
  function attach(observer: Observer): void {
    observer.end?.();
    if (meter !== undefined) observer.end = observed(meter, observer);
  }
  return {
    record(instrument, value, attributes) {
      const installed = installedMeter();
      if (installed === undefined) return;
      const histogram = made.histograms.get(instrument) ?? createHistogram(installed, instrument);
      made.histograms.set(instrument, histogram);
      histogram.record(value, told(attributes));
    },
    count(instrument, attributes) {
      const installed = installedMeter();
      if (installed === undefined) return;
      const counter = made.counters.get(instrument) ?? installed.createCounter(instrument.name, aboutOf(instrument));
      made.counters.set(instrument, counter);
      counter.add(1, told(attributes));
    },
    observe(gauges, read) {
      const observer: Observer = { gauges, read };
      installedMeter();
      observers.add(observer);
      attach(observer);
      return () => {
        observers.delete(observer);
        observer.end?.();
      };
    },
    countNode(status, durationMs) {
      const installed = installedMeter();
      if (installed === undefined) return;
      made.nodes ??= createNodeFigures(installed);
      const attributes = { "asimov.node.status": status };
      made.nodes.visits.add(1, attributes);
      made.nodes.durations.record(durationMs / 1_000, attributes);
    },
  };
}

const aboutOf = ({ description, unit }: Instrument): { description: string; unit: string } => ({ description, unit });

function createHistogram(meter: Meter, instrument: Instrument): Histogram {
  const { name, bounds } = instrument;
  const advice = bounds === undefined ? {} : { advice: { explicitBucketBoundaries: [...bounds] } };
  return meter.createHistogram(name, { ...aboutOf(instrument), ...advice });
}

function createNodeFigures(meter: Meter): NodeFigures {
  return {
    visits: meter.createCounter("asimov.node.visits", { description: "Visits of nodes that ended", unit: "{visit}" }),
    durations: meter.createHistogram("asimov.node.duration", { description: "How long a visit of a node took", unit: "s" }),
  };
}

function observed(meter: Meter, { gauges, read }: Observer): () => void {
  const made = new Map<Instrument, ObservableGauge>();
  for (const gauge of gauges) made.set(gauge, meter.createObservableGauge(gauge.name, aboutOf(gauge)));
  const callback: BatchObservableCallback = (result) =>
    read((gauge, value, attributes) => {
      const observable = made.get(gauge);
      if (observable !== undefined) result.observe(observable, value, told(attributes));
    });
  const observables = [...made.values()];
  meter.addBatchObservableCallback(callback, observables);
  return () => meter.removeBatchObservableCallback(callback, observables);
}
