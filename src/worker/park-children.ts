/** Runs that the runs of a worker had begun in its process, by `agentModule`: they are put down with these, theirs too. */
import type { AgentHost } from "#runtime/agent-host";

/** @param parents tasks of the runs that are put down @param hosts whose runs their children are */
export async function parkChildren(hosts: readonly AgentHost[], parents: ReadonlySet<string>): Promise<void> {
  const children = hosts.flatMap(({ own }) => own.childrenOf(parents));
  if (children.length === 0) return;
  // One that ends meanwhile has ended.
  await Promise.all(children.map((child) => child.park().catch(() => {})));
  await parkChildren(hosts, new Set(children.map(({ id }) => id)));
}
