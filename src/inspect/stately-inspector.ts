/** The bridge to the Stately inspector: every machine of a run becomes visible there, redacted before anything leaves this process. */
import type { InspectionEvent } from "xstate";
import * as z from "zod/mini";
import { AsimovError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { parseOptions } from "#contract/base/options";
import { type RedactOptions, redactor } from "#contract/base/redact";
import { EventLog } from "./event-log.ts";
import { serveLocalViewer } from "./local-viewer.ts";
import { safeInspector } from "./safe-inspector.ts";
import type { Sink } from "./sink.ts";
import { connectSocket } from "./socket-sink.ts";
import { createRecorder, type InspectionRecord, type InspectPackage, recordToEvents } from "./wire.ts";

export interface StatelyInspectorOptions {
  /** A receiver that already listens, `ws://` or `wss://`. Default none: Node serves a page on 127.0.0.1, a browser opens a window. */
  url?: string;
  /** The port of the page that Node serves. Default 0: a free one. */
  port?: number;
  /** The page that draws the machines. Default `https://stately.ai/inspect`; it runs in your browser, and gets the events only there. */
  viewer?: string;
  /** Masks secrets and cuts sizes. Default true; `false` masks nothing, and cuts late. */
  redact?: boolean | RedactOptions;
  /** Whether the page keeps the program running until `stop()`, to look at a run that has ended. Default false. */
  keepAlive?: boolean;
  /** Told where to look. Default: Node writes it to standard error. */
  onReady?: (url: string) => void;
  /** Told of the first failure; the run goes on without an inspector. Default: Node writes it to standard error. */
  onError?: (error: unknown) => void;
}

const callback = z.custom<(value: unknown) => void>((value) => typeof value === "function", "expected a function");
const schema = lazily(() =>
  z.strictObject({
    url: z.optional(z.url({ protocol: /^wss?$/, error: "expected an address that begins with ws:// or wss://" })),
    port: z._default(z.int().check(z.gte(0), z.lte(65_535)), 0),
    viewer: z._default(
      z.url({ protocol: /^https?$/, error: "expected an address that begins with https:// or http://" }),
      "https://stately.ai/inspect",
    ),
    redact: z._default(
      z.custom<boolean | RedactOptions>((value) => typeof value === "boolean" || (typeof value === "object" && value !== null), {
        error: "expected true, false or limits",
      }),
      true,
    ),
    keepAlive: z._default(z.boolean(), false),
    onReady: z.optional(callback),
    onError: z.optional(callback),
  }),
);

/** What is sent is plain data all the same, and no larger than a viewer can hold. */
const UNREDACTED: RedactOptions = {
  maskSecrets: false,
  maxDepth: 64,
  maxEntries: 10_000,
  maxStringLength: 1_000_000,
  maxValues: 1_000_000,
};

export interface StatelyInspector {
  /** Give it to `new Agent({ inspect })`, or to `createActor(machine, { inspect })`. It never throws. */
  readonly inspect: (event: InspectionEvent) => void;
  /** Where to look, once it is there. Rejects with what `onError` is told. */
  readonly url: Promise<string>;
  /** Frees the port, the socket and what was kept. May be called twice. */
  stop(): Promise<void>;
}

const inNode = typeof process !== "undefined" && process.versions?.node !== undefined && typeof document === "undefined";

function missingPackage(cause: unknown): AsimovError {
  return new AsimovError("`statelyInspector` needs the package @statelyai/inspect. Install it: npm install @statelyai/inspect", {
    code: "missing-package",
    cause,
  });
}

async function loadPackage(): Promise<InspectPackage> {
  try {
    return await import("@statelyai/inspect");
  } catch (error) {
    throw missingPackage(error);
  }
}

/** Node can tell at once, without loading it, that the package is missing. */
function requirePackage(): void {
  if (!inNode || typeof import.meta.resolve !== "function") return;
  try {
    import.meta.resolve("@statelyai/inspect");
  } catch (error) {
    throw missingPackage(error);
  }
}

function writeLine(line: string): void {
  if (inNode) process.stderr.write(`${line}\n`);
}

function openWindow({ createBrowserInspector }: InspectPackage, viewer: string): Sink {
  const { adapter } = createBrowserInspector({ url: viewer, maxDeferredEvents: 5_000, serializationDepthLimit: 100 });
  return { url: viewer, send: (event) => adapter.send(event), close: async () => adapter.stop() };
}

/**
 * Shows every machine of a run in the Stately inspector. From Node it serves a page on 127.0.0.1, guarded by a token, and says where;
 * in a browser it opens the inspector's window. Nothing is sent to another host unless `url` names one. The idea is of `@statelyai/inspect`.
 *
 * @throws AsimovError `missing-package` with what to install, or `invalid-options`
 * @example
 * const inspector = statelyInspector({ keepAlive: true });
 * const agent = new Agent({ nodes, inspect: inspector.inspect });
 */
export function statelyInspector(options: StatelyInspectorOptions = {}): StatelyInspector {
  const { redact, url, port, viewer, keepAlive, onReady, onError } = parseOptions(schema(), options, "statelyInspector");
  const clean = redactor(redact === true ? {} : redact === false ? UNREDACTED : redact);
  requirePackage();

  const log = new EventLog<InspectionRecord>();
  const record = createRecorder(clean);
  const stopped = new AbortController();
  let deliver: (entry: InspectionRecord) => void = () => {};
  let failed = false;

  function fail(error: unknown): void {
    if (failed) return;
    failed = true;
    try {
      if (onError === undefined) writeLine(String(error));
      else onError(error);
    } catch {
      // Whoever is told must not break the run either.
    }
  }

  async function open(): Promise<Sink> {
    const inspectPackage = await loadPackage();
    const toEvents = recordToEvents(inspectPackage);
    const replay = () => log.all().flatMap(toEvents);
    const sink =
      url !== undefined
        ? connectSocket({ url, replay, onError: fail })
        : inNode
          ? await serveLocalViewer({ port, viewer, keepAlive, replay })
          : openWindow(inspectPackage, viewer);
    if (url === undefined && !inNode) replay().forEach(sink.send);
    deliver = (entry) => toEvents(entry).forEach(sink.send);
    return sink;
  }

  const opened = open();
  const ready = opened.then((sink) => {
    if (!stopped.signal.aborted) (onReady ?? ((place) => writeLine(`Inspector: ${place}`)))(sink.url);
    return sink.url;
  });
  ready.catch(fail);

  return {
    inspect: safeInspector(
      (event) => {
        const entry = stopped.signal.aborted ? undefined : record(event);
        if (entry === undefined) return;
        log.push(entry);
        deliver(entry);
      },
      { redact: false, onError: fail },
    ),
    url: ready,
    async stop() {
      stopped.abort();
      deliver = () => {};
      log.clear();
      await opened.then(
        (sink) => sink.close(),
        () => {},
      );
    },
  };
}
