/** What a chart's interpretation works out at each event, worked out once: for each state, which transitions an event may take, and what each leaves and enters. */
import { type AnyStateMachine, spawnChild, stopChild } from "xstate";
import type { ActionSource, ChartNode, ChartSnapshot, ChartTransition, StateFields } from "./insides.ts";

/** What is done at the entry of a node. */
export interface Entry {
  readonly node: ChartNode;
  readonly actions: readonly ActionSource[];
  /** Ids of the actors that it invokes. */
  readonly invoked: readonly string[];
}

/** A transition, as it is taken from one state. */
export interface Move {
  readonly transition: ChartTransition;
  /** The transition alone, as inspectors are told. */
  readonly taken: readonly ChartTransition[];
  /** What is done before anything is entered. */
  readonly actions: readonly ActionSource[];
  readonly entries: readonly Entry[];
  readonly to: State;
}

/** A state of the whole chart: a node without states of its own, with all around it. */
export interface State {
  readonly node: ChartNode;
  /** From the node out to the root. */
  readonly path: readonly ChartNode[];
  readonly fields: StateFields;
  /** Without an event. */
  readonly always: readonly Move[];
  movesOn(eventType: string): readonly Move[];
}

export interface Tables {
  /** A snapshot in the root alone, what is entered from there, and the state that this leads to. */
  readonly start: { readonly blank: ChartSnapshot; readonly entries: readonly Entry[]; readonly state: State };
  /** Of the nodes of a snapshot. */
  stateOf(nodes: readonly ChartNode[]): State | undefined;
}

/** The chart holds something that is left to the interpreter. */
class NotCompiled extends Error {}

/** Event types whose moves are kept for each state: a machine may be sent any. */
const MAX_EVENT_TYPES = 1_000;

/** As XState has it, everything lies within `undefined`. */
function isWithin(node: ChartNode, around: ChartNode | undefined): boolean {
  for (let at = node.parent; at !== around; at = at.parent) if (at === undefined) return false;
  return true;
}

function pathOf(node: ChartNode): ChartNode[] {
  const path: ChartNode[] = [];
  for (let at: ChartNode | undefined = node; at !== undefined; at = at.parent) path.push(at);
  return path;
}

/** Whether two lists hold the same nodes, in whatever order. */
export const holdsSame = (a: readonly ChartNode[], b: readonly ChartNode[]): boolean =>
  a === b || (a.length === b.length && a.every((node) => b.includes(node)));

/** The nodes that are entered with one, by themselves. */
function initialWithin(node: ChartNode): ChartNode[] {
  const nodes: ChartNode[] = [];
  for (let at = node; at.type === "compound"; ) {
    at = at.initial.target[0] as ChartNode;
    nodes.push(at);
  }
  return nodes;
}

/** Whether a descriptor with a wildcard covers an event's type: `*` covers all, `a.*` covers `a` and all that begins with `a.`. */
function covers(descriptor: string, eventType: string): boolean {
  if (descriptor === "*") return true;
  return descriptor.endsWith(".*") && `${eventType}.`.startsWith(descriptor.slice(0, -1));
}

/** The transitions of a node for an event: those that name it, then wildcards, the longest first. */
function candidatesOf({ transitions }: ChartNode, eventType: string): readonly ChartTransition[] {
  const wildcards = [...transitions.keys()].filter((descriptor) => descriptor !== eventType && covers(descriptor, eventType));
  wildcards.sort((a, b) => b.length - a.length);
  return [eventType, ...wildcards].flatMap((descriptor) => transitions.get(descriptor) ?? []);
}

function entryOf(node: ChartNode, byDefault: boolean): Entry {
  const invokes = node.invoke.map(({ src, ...options }) => spawnChild(src, { ...options, syncSnapshot: options.onSnapshot !== undefined }));
  const initial = byDefault ? node.initial.actions : [];
  return {
    node,
    actions: [...node.entry, ...(invokes as unknown as ActionSource[]), ...initial],
    invoked: node.invoke.map(({ id }) => id),
  };
}

const exitOf = (node: ChartNode): ActionSource[] => [
  ...node.exit,
  ...node.invoke.map(({ id }) => stopChild(id) as unknown as ActionSource),
];

/** The node that a transition stays within; `undefined` when it leaves the root too. */
function domainOf({ source, reenter }: ChartTransition, target: ChartNode, root: ChartNode): ChartNode | undefined {
  if (!reenter && (target === source || isWithin(target, source))) return source;
  const common = pathOf(target)
    .slice(1)
    .find((around) => isWithin(source, around));
  return common ?? (reenter ? undefined : root);
}

/** What a transition from a path of nodes enters, and which of it by default. */
function enteredBy(transition: ChartTransition, target: ChartNode, domain: ChartNode | undefined): Entry[] {
  const { source, reenter } = transition;
  const byDefault = initialWithin(target);
  if (source !== target || source !== domain || reenter) byDefault.unshift(target);
  const within = source.parent === undefined && reenter ? undefined : domain;
  const around: ChartNode[] = [];
  for (let at = target.parent; at !== undefined && at !== domain && target !== domain; at = at.parent) {
    if (within === undefined || isWithin(at, within)) around.unshift(at);
  }
  return [...around.map((node) => entryOf(node, false)), ...byDefault.map((node) => entryOf(node, true))];
}

/** @throws NotCompiled */
function requireCompilable(node: ChartNode): void {
  if (node.type === "parallel" || node.type === "history") throw new NotCompiled(`state "${node.id}" is ${node.type}`);
  if (typeof node.output === "object" && node.output !== null && Object.values(node.output).some((value) => typeof value === "function")) {
    throw new NotCompiled(`the output of state "${node.id}" is an object of functions`);
  }
  const inner = Object.values(node.states);
  if (inner.length > 0 && node.type !== "compound") throw new NotCompiled(`state "${node.id}" is ${node.type} and has states`);
  // XState refuses some of these when it is asked for them, and not before.
  if (node.type === "compound" && node.initial.target.length !== 1) throw new NotCompiled(`state "${node.id}" has no initial state`);
  for (const descriptor of node.transitions.keys()) {
    if (/\*./.test(descriptor)) throw new NotCompiled(`the event descriptor "${descriptor}" has a wildcard that is not at its end`);
  }
  for (const { target = [] } of [...[...node.transitions.values()].flat(), ...(node.always ?? [])]) {
    if (target.length > 1) throw new NotCompiled(`a transition of state "${node.id}" has ${target.length} targets`);
  }
  for (const child of inner) requireCompilable(child);
}

/** @throws NotCompiled for what is left to the interpreter */
export function tablesOf(machine: AnyStateMachine): Tables {
  const root = machine.root as unknown as ChartNode;
  requireCompilable(root);
  const states = new Map<ChartNode, State>();

  const snapshotAt = (value: unknown): ChartSnapshot => machine.resolveState({ value, context: {} } as never) as unknown as ChartSnapshot;

  const fieldsOf = (node: ChartNode): StateFields => {
    let value: unknown = node.parent === undefined ? {} : node.key;
    for (let at = node.parent; at?.parent !== undefined; at = at.parent) value = { [at.key]: value };
    const { _nodes, value: full, tags } = snapshotAt(value);
    return { _nodes, value: full, tags };
  };

  const moveOf = (from: readonly ChartNode[], transition: ChartTransition): Move => {
    const { target: targets, source, reenter } = transition;
    const about = { transition, taken: [transition] };
    const [target] = targets ?? [];
    if (target === undefined) return { ...about, actions: transition.actions, entries: [], to: stateAt(from[0] as ChartNode) };
    const domain = domainOf(transition, target, root);
    const exits = from.filter((node) => isWithin(node, domain) || (reenter && source === domain && node === domain));
    const entries = enteredBy(transition, target, domain);
    return {
      ...about,
      actions: [...exits.flatMap(exitOf), ...transition.actions],
      entries,
      to: stateAt(initialWithin(target).at(-1) ?? target),
    };
  };

  function stateAt(node: ChartNode): State {
    const known = states.get(node);
    if (known !== undefined) return known;
    const path = pathOf(node);
    const moves = new Map<ChartTransition, Move>();
    const moveBy = (transition: ChartTransition): Move => {
      let move = moves.get(transition);
      if (move === undefined) {
        move = moveOf(path, transition);
        moves.set(transition, move);
      }
      return move;
    };
    const byEvent = new Map<string, readonly Move[]>();
    let always: readonly Move[] | undefined;
    const state: State = {
      node,
      path,
      fields: fieldsOf(node),
      // Worked out when they are asked for: a chart may have many states, and many transitions that none of its runs takes.
      get always() {
        always ??= path.flatMap((at) => at.always ?? []).map(moveBy);
        return always;
      },
      movesOn(eventType) {
        let found = byEvent.get(eventType);
        if (found === undefined) {
          found = path.flatMap((at) => candidatesOf(at, eventType)).map(moveBy);
          if (byEvent.size < MAX_EVENT_TYPES) byEvent.set(eventType, found);
        }
        return found;
      },
    };
    states.set(node, state);
    return state;
  }

  const entered = [root, ...initialWithin(root)];
  const state = stateAt(entered.at(-1) as ChartNode);
  return {
    start: {
      blank: { ...snapshotAt(state.fields.value), status: "active", _nodes: [root], tags: new Set(root.tags) },
      entries: entered.map((node) => entryOf(node, true)),
      state,
    },
    stateOf(nodes) {
      for (const node of nodes) {
        if (node.type === "compound" || node.machine !== root.machine) continue;
        const found = stateAt(node);
        // A snapshot that went on after its machine had failed as it started may lack some of the nodes around.
        return holdsSame(nodes, found.fields._nodes) ? found : undefined;
      }
      return undefined;
    },
  };
}
