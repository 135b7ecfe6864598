/** The definition of a machine as a viewer draws it: names stand as they are, the data in it is redacted, functions become their names. */

type Fields = Record<string, unknown>;
type Redact = (value: unknown) => unknown;

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);

/** Keys that are chart, not data: state and event names may read like secrets, as a state `token` does. */
const MAPS_OF_TRANSITIONS = new Set(["on", "after"]);
const CHART = new Set(["id", "key", "type", "initial", "target", "history", "description", "tags", "reenter", "src", "systemId", "delay"]);

function mapped(value: unknown, change: (entry: unknown) => unknown): unknown {
  return isFields(value) ? Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, change(entry)])) : undefined;
}

/** A transition, invocation or action: an object, a list of them, a name or a function. */
function describePart(value: unknown, redact: Redact): unknown {
  if (Array.isArray(value)) return value.map((entry) => describePart(entry, redact));
  if (typeof value === "function") return { type: value.name === "" ? "inline" : value.name };
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => {
      if (["actions", "guard", "onDone", "onError", "onSnapshot"].includes(key)) return [key, describePart(entry, redact)];
      if (key === "src" && typeof entry !== "string") return [key, "inline"];
      if (CHART.has(key) && typeof entry !== "object" && typeof entry !== "function") return [key, entry];
      return [key, (redact({ [key]: entry }) as Fields)[key]];
    }),
  );
}

/** One state with the states in it. @returns plain data for `JSON.stringify` */
export function describeMachine(config: unknown, redact: Redact): unknown {
  if (!isFields(config)) return undefined;
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => {
      if (key === "states") return [key, mapped(value, (state) => describeMachine(state, redact))];
      if (MAPS_OF_TRANSITIONS.has(key)) return [key, mapped(value, (transition) => describePart(transition, redact))];
      if (["entry", "exit", "always", "invoke", "onDone"].includes(key)) return [key, describePart(value, redact)];
      if (CHART.has(key) && typeof value !== "function") return [key, value];
      return [key, redact(value)];
    }),
  );
}
