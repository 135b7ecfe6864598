/** From XState's inspection events to those of `@statelyai/inspect`, by way of records that are redacted and hold nothing live. */
import type { StatelyInspectionEvent } from "@statelyai/inspect";
import type { ActorRefLike, InspectionEvent } from "xstate";
import { describeMachine } from "./machine-definition.ts";
import { shown } from "./safe-inspector.ts";

export type InspectPackage = typeof import("@statelyai/inspect");

/** What was seen, as plain data. */
export interface InspectionRecord {
  type: "@xstate.actor" | "@xstate.event" | "@xstate.snapshot";
  rootId: string;
  sessionId: string;
  /** Milliseconds since 1970. */
  at: number;
  name?: string;
  parentId?: string | undefined;
  definition?: unknown;
  sourceId?: string | undefined;
  event?: unknown;
  snapshot?: unknown;
}

type Redact = (value: unknown) => unknown;
/** The fields of an actor that XState has but its type for any actor leaves out. */
type AnyActor = ActorRefLike & { id?: string; _parent?: ActorRefLike; logic?: { config?: unknown } };

function snapshotOf(actor: ActorRefLike): unknown {
  try {
    return actor.getSnapshot();
  } catch {
    // XState refuses while an actor is being made; its first snapshot event follows.
    return undefined;
  }
}

/** A root without an id of its own has its session's; its machine's name says more. */
function nameOf({ id, sessionId, logic }: AnyActor): string {
  const machine = (logic?.config as { id?: unknown } | undefined)?.id;
  return id !== undefined && id !== sessionId ? id : typeof machine === "string" ? machine : sessionId;
}

/** Makes records; those types of event that a viewer does not draw have none. A machine that many actors share is described once. */
export function createRecorder(redact: Redact): (event: InspectionEvent) => InspectionRecord | undefined {
  const definitions = new WeakMap<object, unknown>();
  function definitionOf(config: unknown): unknown {
    if (typeof config !== "object" || config === null) return undefined;
    if (!definitions.has(config)) definitions.set(config, describeMachine(config, redact));
    return definitions.get(config);
  }

  return (event) => {
    const actor = event.actorRef as AnyActor;
    const common = { rootId: event.rootId, sessionId: actor.sessionId, at: Date.now() };
    switch (event.type) {
      case "@xstate.actor":
        return {
          ...common,
          type: event.type,
          name: nameOf(actor),
          parentId: actor._parent?.sessionId,
          definition: definitionOf(actor.logic?.config),
          snapshot: shown(snapshotOf(actor), redact),
        };
      case "@xstate.event":
        return { ...common, type: event.type, sourceId: event.sourceRef?.sessionId, event: shown(event.event, redact) };
      case "@xstate.snapshot":
        return { ...common, type: event.type, event: shown(event.event, redact), snapshot: shown(event.snapshot, redact) };
      default:
        return undefined;
    }
  };
}

/** The package's own inspector writes each event; what it takes from a live actor alone is put in from the record. */
export function recordToEvents({ createInspector }: InspectPackage): (record: InspectionRecord) => StatelyInspectionEvent[] {
  let written: StatelyInspectionEvent[] = [];
  const inspector = createInspector({ send: (event) => written.push(event) }, { serializationDepthLimit: 100 });
  type Actor = Parameters<typeof inspector.actor>[0];
  type Snapshot = NonNullable<Parameters<typeof inspector.actor>[1]>;
  type Event = Exclude<Parameters<typeof inspector.event>[1], string>;

  return (record) => {
    written = [];
    const { rootId, sessionId } = record;
    const snapshot = record.snapshot as Snapshot | undefined;
    if (record.type === "@xstate.actor") {
      inspector.actor({ sessionId, logic: { config: record.definition ?? { id: record.name } } } as unknown as Actor, snapshot);
    } else if (record.type === "@xstate.event") {
      inspector.event(sessionId, record.event as Event, record.sourceId === undefined ? {} : { source: record.sourceId });
    } else {
      inspector.snapshot(sessionId, snapshot ?? {}, { event: record.event as Event });
    }
    return written.map((event) => ({
      ...event,
      rootId,
      createdAt: String(record.at),
      ...(event.type === "@xstate.actor" ? { name: record.name ?? event.name, parentId: record.parentId } : {}),
    }));
  };
}
