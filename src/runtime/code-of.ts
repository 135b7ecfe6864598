/** The code that goes on with a run, where it is another one than what its store knows. */
import type { StoredRun } from "#contract/store/run-record";
import type { KeeperState } from "#keep/run-keeper";
import type { AgentHost } from "./agent-host.ts";
import { graphHashOf } from "./graph-hash.ts";

/** What a store is told of the code that goes on with a run, where it is another one. */
export function codeOf(host: AgentHost, { graphHash, version }: StoredRun): Pick<KeeperState, "code"> {
  const code = { graphHash: graphHashOf(host.graph()), version: host.services.version };
  return code.graphHash === graphHash && code.version === version ? {} : { code };
}
