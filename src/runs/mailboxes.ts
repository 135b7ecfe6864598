/** The mailboxes that a run's nodes say they read: a message to any other is a mistake that is told. */
import { AsimovError, SnapshotError } from "#contract/base/errors";
import type { RunView, ViewNode } from "#contract/run/run-view";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { readNewestWhole } from "#keep/newest-whole";
import { openTexts } from "#keep/open-texts";

const GRAPH = "view-graph";

/** Where no node says what it reads, every mailbox may be one. @throws AsimovError `unknown-mailbox` */
export function requireDeclared(mailbox: string, declared: ReadonlySet<string>): void {
  if (declared.size === 0 || declared.has(mailbox)) return;
  const names = [...declared].map((name) => `"${name}"`).join(", ");
  throw new AsimovError(
    `No node of this run reads the mailbox "${mailbox}"; those that its nodes declare as \`inputMailboxes\` are ${names}. Send to one of them, or declare this one.`,
    { code: "unknown-mailbox" },
  );
}

/** As its newest whole generation has its graph; none of a run that has not begun, or cannot be read. */
export async function storedMailboxes(store: RunStore, run: StoredRun): Promise<ReadonlySet<string>> {
  try {
    const { found } = await readNewestWhole(store, run, async (stored) => {
      const { texts } = await openTexts(store, run.taskId, stored, (part) => part === GRAPH);
      const text = texts.get(GRAPH);
      return text === undefined ? [] : (JSON.parse(text) as RunView["graph"]).nodes;
    });
    return new Set(found.flatMap((node) => [...mailboxesIn(node)]));
  } catch (error) {
    if (error instanceof SnapshotError) return new Set();
    throw error;
  }
}

function* mailboxesIn({ inputMailboxes = [], nodes = [] }: ViewNode): Generator<string> {
  yield* inputMailboxes;
  for (const node of nodes) yield* mailboxesIn(node);
}
