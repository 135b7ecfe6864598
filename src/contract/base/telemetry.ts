/** The telemetry port: spans and figures of a run, recorded nowhere unless the user installs an OpenTelemetry SDK. */
import type { ErrorDetails } from "./error-details.ts";

export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** A function is called only where somebody records: telling takes more time than many a step that is told of. */
export type LazyAttributes = Attributes | (() => Attributes);

/** What is known of a failure; `code` is stable and kebab-case. */
export interface SpanFailure extends ErrorDetails {
  code?: string;
}

export interface Span {
  /** Runs a function with this span as the active one, so that spans that it starts are its children. */
  run<T>(work: () => T): T;
  set(attributes: LazyAttributes): void;
  event(name: string, attributes: Attributes): void;
  /** Ends it; with an error, as failed. Ending twice changes nothing. */
  end(error?: string, details?: SpanFailure): void;
  /** Ends it as failed by what was thrown, which is told masked and cut in size. */
  fail(thrown: unknown): void;
}

/** A figure's name, what it counts, and in which unit; `bounds` for a histogram. */
export interface Instrument {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly bounds?: readonly number[];
}

/** Tells the values of gauges, as they are now. */
export type ReadGauges = (tell: (gauge: Instrument, value: number, attributes: LazyAttributes) => void) => Promise<void>;

export interface Telemetry {
  /** Without a parent, under the span that is active. `client` marks a call of another service. */
  startSpan(name: string, attributes: LazyAttributes, parent?: Span | undefined, kind?: "internal" | "client"): Span;
  /** One value of a histogram. */
  record(instrument: Instrument, value: number, attributes: LazyAttributes): void;
  /** One more of a counter. */
  count(instrument: Instrument, attributes: LazyAttributes): void;
  /** Asks for gauges whenever somebody reads them; an SDK that is installed later does so from the next figure on. Returns the end of that. */
  observe(gauges: readonly Instrument[], read: ReadGauges): () => void;
  /** One visit of a node that ended. */
  countNode(status: string, durationMs: number): void;
}
