/** One graph of a view while events are applied to it: whatever is not touched stays the object that it was. */
import { ModuleType, TaskStatus } from "#contract/base/vocabulary";
import { GraphIndex } from "#contract/graph/graph-index";
import { NodeDraft } from "./node-draft.ts";
import type { NodeView, ViewNode } from "./run-view.ts";

type Nodes = Readonly<Record<string, NodeView>>;

/** The names in a plan, and its number. */
export interface ShownPlan {
  readonly names: ReadonlySet<string>;
  readonly number: number;
}

/** One that nothing was told of yet. */
export const untouchedNode = (since: number): NodeView => ({ status: TaskStatus.WAITING, visit: 0, attempt: 0, iteration: 0, since });

/** Whether it is still to settle in its plan. */
const isPending = ({ status, never, again }: NodeView): boolean =>
  never === undefined && (again === true || status === TaskStatus.WAITING || status === TaskStatus.EXECUTING);

export class GraphDraft {
  /** Asked for when somebody needs it: of a large graph that nobody looks at it would be made for nothing. */
  #list: readonly ViewNode[] | (() => readonly ViewNode[]);
  /** Whether the list is nobody else's yet. */
  #ownsList = false;
  #hasGrown = false;
  #index: GraphIndex<ViewNode> | undefined;
  readonly #untouched: NodeView;
  /** The plan that the nodes were shown in; absent for all of them. */
  readonly #plan: ShownPlan | undefined;
  /** The nodes as they were shown last; absent before the first time. */
  #shown: Nodes | undefined;
  readonly #drafts = new Map<string, NodeDraft>();
  /** Since they were shown last; before the first time, all that there are. */
  readonly #touched = new Set<string>();
  /** Touched since they were last written. */
  readonly #unwritten = new Set<string>();
  readonly #nested = new Map<string, GraphDraft>();
  /** Its nodes are the items of one. */
  readonly isItems: boolean;
  /** Of nodes that began anew: how many items they had. */
  #dropped: [name: string, count: number][] = [];

  /**
   * @param since when the graph began: of nodes that nothing was told of
   * @param shown the nodes as they stand, with their plan
   */
  constructor(list: readonly ViewNode[] | (() => readonly ViewNode[]), since: number, shown?: Nodes, plan?: ShownPlan, isItems = false) {
    this.isItems = isItems;
    this.#list = list;
    this.#shown = shown;
    this.#plan = plan;
    this.#untouched = untouchedNode(since);
  }

  /** In declaration order. */
  get list(): readonly ViewNode[] {
    if (typeof this.#list === "function") this.#list = this.#list();
    return this.#list;
  }

  get index(): GraphIndex<ViewNode> {
    this.#index ??= new GraphIndex(this.list);
    return this.#index;
  }

  /** To read. */
  peek(name: string): NodeDraft {
    return this.#drafts.get(name) ?? this.#begin(name);
  }

  /** To write. */
  node(name: string): NodeDraft {
    let draft = this.#drafts.get(name);
    if (draft === undefined) {
      draft = this.#begin(name);
      this.#drafts.set(name, draft);
    }
    if (this.#shown !== undefined) this.#touched.add(name);
    this.#unwritten.add(name);
    return draft;
  }

  /** A visit begins. */
  start(name: string, { visit, attempt, iteration }: Pick<NodeView, "visit" | "attempt" | "iteration">, at: number): void {
    if (attempt === 1) this.#dropItems(name);
    this.node(name).start(visit, attempt, iteration, at);
    // A visit that goes on, since its run is retried, goes on in its graph.
    if (this.#nested.size > 0 && attempt === 1) this.#nested.delete(name);
  }

  /** The graph nested in a node begins. */
  nest(name: string, list: readonly ViewNode[], since: number): void {
    this.node(name).waiting = undefined;
    this.#nested.set(name, new GraphDraft(list, since));
  }

  /** The items of a node begin. */
  nestItems(name: string, count: number, since: number): void {
    this.node(name).waiting = undefined;
    this.#nested.set(name, itemsDraft(since, Array<undefined>(count).fill(undefined)));
  }

  /** Their parts are named by their node. */
  #moveItems(from: string, to: string): void {
    const graph = this.nested(from);
    if (graph?.isItems !== true) return;
    this.#dropItems(from);
    graph.touchAll();
    this.#nested.delete(from);
    this.#nested.set(to, graph);
  }

  touchAll(): void {
    for (const { name } of this.list) this.node(name);
  }

  #dropItems(name: string): void {
    const { count = 0 } = this.itemsFrom(name) ?? {};
    if (count > 0) this.#dropped.push([name, count]);
  }

  /** The graph nested in a node, or its items; what is told of one that never began is of nobody. */
  nested(name: string): GraphDraft | undefined {
    const draft = this.node(name);
    let graph = this.#nested.get(name);
    if (graph === undefined && draft.items !== undefined) {
      graph = itemsDraft(draft.since, draft.items);
      this.#nested.set(name, graph);
    }
    if (graph === undefined && draft.nodes !== undefined) {
      graph = new GraphDraft(this.#node(name)?.nodes ?? [], draft.since, draft.nodes);
      this.#nested.set(name, graph);
    }
    return graph;
  }

  /** Nodes and all that descends from them. */
  region(roots: Iterable<string>): Set<string> {
    const found = new Set(roots);
    for (const name of found) for (const dependent of this.index.dependents(name)) found.add(dependent);
    return found;
  }

  /** Adds nodes, those of each creator together; what depended on it depends on them too. */
  extend(added: readonly ViewNode[]): void {
    const { index } = this;
    const list = this.#ownList();
    this.#hasGrown = true;
    for (let from = 0; from < added.length; ) {
      const creator = (added[from] as ViewNode).addedBy;
      let to = from + 1;
      while (to < added.length && added[to]?.addedBy === creator) to++;
      const fresh = added.slice(from, to);
      const names = fresh.map(({ name }) => name);
      const widened = creator === undefined ? [] : [...index.dependents(creator)].map((name) => this.#node(name) as ViewNode);
      for (const node of widened) {
        list[index.position(node.name) as number] = { ...node, dependencies: [...new Set([...node.dependencies, ...names])] };
      }
      list.push(...fresh);
      index.extend(list, widened, fresh);
      from = to;
    }
  }

  /**
   * The code's graph is another one now: nodes that are still there stand as they stood.
   *
   * @param renamed by the name before
   * @returns the nodes that are new
   */
  replace(list: readonly ViewNode[], renamed: Readonly<Record<string, string>>): string[] {
    const known = new Set(this.list.map(({ name }) => name));
    const now = new Set(list.map(({ name }) => name));
    for (const [from, to] of Object.entries(renamed)) {
      this.#drafts.set(to, this.node(from));
      this.#moveItems(from, to);
      known.add(to);
      if (this.#shown !== undefined) this.#touched.add(to);
      this.#unwritten.add(to);
    }
    for (const names of [this.#drafts, this.#touched, this.#unwritten, this.#nested]) {
      for (const name of [...names.keys()]) if (!now.has(name)) names.delete(name);
    }
    this.#list = list;
    this.#ownsList = false;
    this.#index = undefined;
    this.#hasGrown = true;
    return list.flatMap(({ name }) => (known.has(name) ? [] : [name]));
  }

  /** What was touched since this was last asked; or all. */
  takeChanged(isWhole = false): [name: string, node: NodeDraft][] {
    for (const [name, graph] of this.#nested) if (this.#unwritten.has(name) && !graph.isItems) this.#finishNested(name, graph);
    const names = isWhole ? this.list.map(({ name }) => name) : this.#unwritten;
    const changed = Array.from(names, (name): [string, NodeDraft] => [name, this.peek(name)]);
    this.#unwritten.clear();
    // What was handed out is nobody's to change.
    this.#ownsList = false;
    return changed;
  }

  /** The items that have changed since this was last asked, or all; nothing of those that are no more. */
  *takeItems(isWhole: boolean): Generator<[name: string, index: number, item: NodeView | undefined]> {
    for (const [name, count] of this.#dropped.splice(0)) for (let index = 0; index < count; index++) yield [name, index, undefined];
    for (const [name, graph] of this.#nested) {
      if (!graph.isItems) continue;
      for (const [item, draft] of graph.takeChanged(isWhole)) yield [name, Number(item), draft.toView()];
    }
    if (!isWhole) return;
    for (const { name } of this.list)
      if (!this.#nested.has(name)) for (const [index, item] of (this.peek(name).items ?? []).entries()) yield [name, index, item];
  }

  itemsFrom(name: string): { count: number; since: number } | undefined {
    const graph = this.#nested.get(name);
    if (graph?.isItems === true) return { count: graph.list.length, since: graph.#untouched.since };
    const { items, since } = this.peek(name);
    return items && { count: items.length, since };
  }

  #finishNested(name: string, graph: GraphDraft): void {
    const { list, nodes } = graph.finish();
    if (graph.isItems) {
      this.node(name).items = Object.values(nodes);
      return;
    }
    this.node(name).nodes = nodes;
    this.#replaceNested(name, list);
  }

  /** The nodes as they stand; the same object while nothing changed. */
  finish(): { list: readonly ViewNode[]; nodes: Nodes } {
    const isFirst = this.#shown === undefined;
    for (const [name, graph] of this.#nested) {
      if (isFirst || this.#touched.has(name)) this.#finishNested(name, graph);
    }
    const changes = Array.from(
      isFirst ? this.#drafts.keys() : this.#touched,
      (name) => [name, (this.#drafts.get(name) as NodeDraft).toView()] as const,
    );
    this.#touched.clear();
    if (this.#shown === undefined || this.#hasGrown) {
      const before = this.#shown ?? {};
      const all = this.list.map(({ name }) => [name, Object.hasOwn(before, name) ? before[name] : this.#untouched] as const);
      this.#shown = Object.fromEntries([...all, ...changes]) as Nodes;
    } else if (changes.length > 0) this.#shown = { ...this.#shown, ...Object.fromEntries(changes) };
    this.#hasGrown = false;
    // What was handed out is nobody's to change.
    this.#ownsList = false;
    return { list: this.list, nodes: this.#shown };
  }

  #begin(name: string): NodeDraft {
    const shown = this.#shown;
    const view = shown !== undefined && Object.hasOwn(shown, name) ? (shown[name] as NodeView) : this.#untouched;
    const isPlanned = this.#plan?.names.has(name) ?? true;
    const isOpen = isPlanned && isPending(view);
    return new NodeDraft(view, isOpen, isPlanned && !isOpen ? (this.#plan?.number ?? 0) : -1);
  }

  /** The nested graph may be another one, or longer. */
  #replaceNested(name: string, nested: readonly ViewNode[]): void {
    const node = this.#node(name);
    if (node === undefined || isSame(node.nodes, nested)) return;
    this.#ownList()[this.index.position(name) as number] = { ...node, nodes: nested };
  }

  /** The index may hold it as it was before its own graph changed. */
  #node(name: string): ViewNode | undefined {
    const position = this.index.position(name);
    return position === undefined ? undefined : this.list[position];
  }

  #ownList(): ViewNode[] {
    if (!this.#ownsList) this.#list = [...this.list];
    this.#ownsList = true;
    return this.#list as ViewNode[];
  }
}

/** Named by their places; one that is not known yet is as nothing was told of it. */
function itemsDraft(since: number, items: readonly (NodeView | undefined)[]): GraphDraft {
  const list = (): ViewNode[] =>
    items.map((_, index) => ({ name: String(index), type: ModuleType.EXECUTOR, dependencies: [], modules: [] }));
  const known = items[0] === undefined ? undefined : (Object.fromEntries(items.entries()) as unknown as Nodes);
  return new GraphDraft(list, since, known, undefined, true);
}

/** The same nodes, be it in another array. */
function isSame(a: readonly ViewNode[] | undefined, b: readonly ViewNode[]): boolean {
  return a === b || (a?.length === b.length && a.every((node, position) => node === b[position]));
}
