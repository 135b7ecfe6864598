/** One graph of a view while events are applied to it: whatever is not touched stays the object that it was. */
import { TaskStatus } from "#contract/base/vocabulary";
import { addUsage, type Usage } from "#contract/chat/usage";
import { GraphIndex } from "#contract/graph/graph-index";
import type { NodeView, ViewNode } from "./run-view.ts";
import { shownValue } from "./shown-value.ts";

type Nodes = Readonly<Record<string, NodeView>>;

/** Where a result is read when the view is made: of a live run it is a text before. */
export interface Given {
  readonly result?: unknown;
}

interface NodeDraft {
  view: NodeView;
  given: Given | undefined;
  graph: GraphDraft | undefined;
}

/** What an event says of a node; `undefined` takes a field away. */
export type NodeChange = { readonly [K in keyof NodeView]?: NodeView[K] | undefined };

/** One that nothing was told of yet. */
export const untouchedNode = (since: number): NodeView => ({ status: TaskStatus.WAITING, visit: 0, attempt: 0, iteration: 0, since });

export class GraphDraft {
  #list: readonly ViewNode[];
  /** Whether the list is nobody else's yet. */
  #ownsList = false;
  #hasGrown = false;
  #index: GraphIndex<ViewNode> | undefined;
  readonly #untouched: NodeView;
  /** The nodes as they were shown last; absent before the first time. */
  #shown: Nodes | undefined;
  readonly #drafts = new Map<string, NodeDraft>();
  readonly #touched = new Map<string, NodeDraft>();

  /** @param since when the graph began: of nodes that nothing was told of */
  constructor(list: readonly ViewNode[], since: number, shown?: Nodes) {
    this.#list = list;
    this.#shown = shown;
    this.#untouched = untouchedNode(since);
  }

  /** In declaration order. */
  get list(): readonly ViewNode[] {
    return this.#list;
  }

  get index(): GraphIndex<ViewNode> {
    this.#index ??= new GraphIndex(this.#list);
    return this.#index;
  }

  view(name: string): NodeView {
    return this.#drafts.get(name)?.view ?? this.#before(name);
  }

  change(name: string, change: NodeChange): void {
    const draft = this.#touch(name);
    const next: Record<string, unknown> = { ...draft.view, ...change };
    for (const key in change) if (change[key as keyof NodeView] === undefined) delete next[key];
    draft.view = next as unknown as NodeView;
  }

  /** A visit begins: what the one before gave means nothing for it, but for what was spent. */
  begin(name: string, view: NodeView): void {
    const draft = this.#touch(name);
    const { usage } = draft.view;
    draft.view = usage === undefined ? view : { ...view, usage };
    draft.given = undefined;
    draft.graph = undefined;
  }

  /** What a visit gave, or nothing any more. */
  give(name: string, given: Given | undefined): void {
    this.#touch(name).given = given;
  }

  spend(name: string, usage: Usage): void {
    const before = this.view(name).usage;
    this.change(name, { usage: before === undefined ? usage : addUsage(before, usage) });
  }

  /** The graph nested in a node begins. */
  nest(name: string, list: readonly ViewNode[], since: number): void {
    this.#touch(name).graph = new GraphDraft(list, since);
  }

  /** The graph nested in a node; what is told of one that never began is of nobody. */
  nested(name: string): GraphDraft | undefined {
    const draft = this.#drafts.get(name);
    if (draft?.graph !== undefined) {
      this.#touched.set(name, draft);
      return draft.graph;
    }
    const { nodes, since } = this.view(name);
    if (nodes === undefined) return undefined;
    const graph = new GraphDraft(this.#node(name)?.nodes ?? [], since, nodes);
    this.#touch(name).graph = graph;
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

  /** The nodes as they stand; the same object while nothing changed. */
  finish(): { list: readonly ViewNode[]; nodes: Nodes } {
    const changes: [string, NodeView][] = [];
    for (const [name, draft] of this.#touched) changes.push([name, this.#finishNode(name, draft)]);
    this.#touched.clear();
    if (this.#shown === undefined || this.#hasGrown) {
      const before = this.#shown ?? {};
      const all = this.#list.map(({ name }) => [name, Object.hasOwn(before, name) ? before[name] : this.#untouched] as const);
      this.#shown = Object.fromEntries([...all, ...changes]) as Nodes;
    } else if (changes.length > 0) this.#shown = { ...this.#shown, ...Object.fromEntries(changes) };
    this.#hasGrown = false;
    // What was handed out is nobody's to change.
    this.#ownsList = false;
    return { list: this.#list, nodes: this.#shown };
  }

  #finishNode(name: string, draft: NodeDraft): NodeView {
    if (draft.given !== undefined) {
      const { result } = draft.given;
      if (result !== undefined) draft.view = { ...draft.view, result: shownValue(result) };
      draft.given = undefined;
    }
    if (draft.graph !== undefined) {
      const { list, nodes } = draft.graph.finish();
      if (draft.view.nodes !== nodes) draft.view = { ...draft.view, nodes };
      this.#replaceNested(name, list);
    }
    return draft.view;
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
    return position === undefined ? undefined : this.#list[position];
  }

  #ownList(): ViewNode[] {
    if (!this.#ownsList) this.#list = [...this.#list];
    this.#ownsList = true;
    return this.#list as ViewNode[];
  }

  #touch(name: string): NodeDraft {
    let draft = this.#drafts.get(name);
    if (draft === undefined) {
      draft = { view: this.#before(name), given: undefined, graph: undefined };
      this.#drafts.set(name, draft);
    }
    this.#touched.set(name, draft);
    return draft;
  }

  #before(name: string): NodeView {
    const shown = this.#shown;
    return shown !== undefined && Object.hasOwn(shown, name) ? (shown[name] as NodeView) : this.#untouched;
  }
}

/** The same nodes, be it in another array. */
function isSame(a: readonly ViewNode[] | undefined, b: readonly ViewNode[]): boolean {
  return a === b || (a?.length === b.length && a.every((node, position) => node === b[position]));
}
