/** What running modules have saved lies in parts of its own, so that a snapshot writes anew only what was saved anew. */

/** The shape of a persisted actor, as far as it is walked. */
interface PersistedActor {
  children?: Record<string, { snapshot?: PersistedActor }>;
  /** Of a supervisor of nodes. */
  nodes?: Record<string, PersistedActor>;
  /** Of a module: JSON texts, or their names once they are parts of their own. */
  checkpoint?: Record<string, string> | readonly string[];
}

const SAVED = "saved/";

/** The modules within a persisted actor that have saved something, those of nested graphs too, each with its place. */
function* savingModules(actor: PersistedActor, place: string): Generator<[place: string, module: PersistedActor]> {
  if (actor.checkpoint !== undefined) yield [place, actor];
  for (const [id, { snapshot }] of Object.entries(actor.children ?? {})) {
    if (snapshot !== undefined) yield* savingModules(snapshot, `${place}/${encodeURIComponent(id)}`);
  }
  for (const [name, node] of Object.entries(actor.nodes ?? {})) yield* savingModules(node, `${place}/${encodeURIComponent(name)}`);
}

/** Moves what the modules of a node have saved from its state into parts. */
export function takeSaved(node: string, state: object, parts: Map<string, string>): void {
  for (const [place, module] of savingModules(state, SAVED + encodeURIComponent(node))) {
    for (const [part, text] of Object.entries(module.checkpoint ?? {})) parts.set(`${place}/${part}`, text);
    module.checkpoint = Object.keys(module.checkpoint ?? {});
  }
}

/** Puts it back. @param read the text of a part, or an error that says it is not there */
export function giveSaved(node: string, state: object, read: (part: string) => string): void {
  for (const [place, module] of savingModules(state, SAVED + encodeURIComponent(node))) {
    const names = Object.values(module.checkpoint ?? {});
    module.checkpoint = Object.fromEntries(names.map((part) => [part, read(`${place}/${part}`)]));
  }
}
