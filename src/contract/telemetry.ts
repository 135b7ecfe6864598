/** The telemetry port: spans and figures of a run, recorded nowhere unless the user installs an OpenTelemetry SDK. */

export interface Span {
  /** Runs a function with this span as the active one, so that spans that it starts are its children. */
  run<T>(work: () => T): T;
  /** Ends it; with an error, as failed. Ending twice changes nothing. */
  end(error?: string): void;
}

export interface Telemetry {
  startSpan(name: string, attributes: Readonly<Record<string, string | number>>, parent: Span | undefined): Span;
  /** One visit of a node that ended. */
  countNode(status: string, durationMs: number): void;
}
