/** A wall between a run and whoever watches it: an inspector that throws changes nothing, and it sees no secrets. */
import type { InspectionEvent } from "xstate";
import { type RedactOptions, redactor } from "#contract/base/redact";

export interface SafeInspectorOptions {
  /** Masks secrets and cuts sizes in the events and snapshots that the inspector reads. Default true; `false` hands them over as they are. */
  redact?: boolean | RedactOptions;
  /** Told of the first error that the inspector throws, or rejects with; later ones are dropped. Default: none is told. */
  onError?: (error: unknown) => void;
}

/** What an inspection event carries of the user's data; the rest are names and live references. */
const DATA_FIELDS = ["event", "snapshot", "action", "_transitions"] as const;

/** Machine snapshots and transitions turn themselves into plain data, without their machine; actions and events are plain already. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  const toJSON = (value as { toJSON?: unknown } | null | undefined)?.toJSON;
  return typeof toJSON === "function" ? toJSON.call(value) : value;
}

/** Computes a field at the first read, so that an inspector that looks only at `type` pays for nothing. */
function lazily(target: object, field: string, compute: () => unknown): void {
  Object.defineProperty(target, field, {
    configurable: true,
    enumerable: true,
    get() {
      const value = compute();
      Object.defineProperty(target, field, { configurable: true, enumerable: true, writable: true, value });
      return value;
    },
  });
}

/** The redacted plain form of a snapshot, an event or an action. */
export function shown(value: unknown, redact: (value: unknown) => unknown): unknown {
  try {
    return redact(plain(value));
  } catch {
    return redact(value);
  }
}

function redacted(event: InspectionEvent, redact: (value: unknown) => unknown): InspectionEvent {
  const copy: Record<string, unknown> = { ...event };
  for (const field of DATA_FIELDS) {
    if (!(field in copy)) continue;
    const value = copy[field];
    lazily(copy, field, () => shown(value, redact));
  }
  return copy as unknown as InspectionEvent;
}

/**
 * Wraps an inspector so that nothing it does reaches the actors that it watches: XState would hand what it throws to whoever sent the event.
 * `type`, `rootId`, `actorRef` and the other references stay live; events, snapshots and actions are plain redacted copies, made when read.
 *
 * @throws AsimovError `invalid-options`
 * @example
 * createActor(machine, { inspect: safeInspector((event) => console.log(event.type), { onError: console.error }) });
 */
export function safeInspector(
  inspect: (event: InspectionEvent) => unknown,
  options: SafeInspectorOptions = {},
): (event: InspectionEvent) => void {
  const { redact = true } = options;
  const clean = redact === false ? undefined : redactor(redact === true ? {} : redact);
  let failed = false;
  const report = (error: unknown): void => {
    if (failed) return;
    failed = true;
    try {
      options.onError?.(error);
    } catch {
      // Whoever is told of an error of the inspector must not break the run either.
    }
  };
  return (event) => {
    try {
      const returned = inspect(clean === undefined ? event : redacted(event, clean));
      if (returned instanceof Promise) returned.catch(report);
    } catch (error) {
      report(error);
    }
  };
}
