/** How a module ends that is not begun again: owner after owner was lost while one attempt of it worked, and another one would be, too. */
import type { ModuleOrder, ModuleOutcome } from "#contract/node/attempt";

interface Losses {
  /** How many owners were lost in a row. */
  lost: number;
  leaseMs: number;
  /** Milliseconds since 1970. */
  now: number;
}

export function lostModule({ node, module }: ModuleOrder, name: string, { lost, leaseMs, now }: Losses): ModuleOutcome {
  const processes = lost === 1 ? "one process was" : `${lost} processes in a row were`;
  const error =
    `Module "${name}" of node "${node}" is not begun again: ${processes} lost while this attempt of it worked. Look at the memory of its process, ` +
    `at crashes of native code, and at what holds the event loop for longer than the lease (leaseMs, ${leaseMs}), in it and beside it. ` +
    "`retry` of the run begins it anew; where processes are lost for other reasons, raise maxLost.";
  return {
    module,
    status: "error",
    json: JSON.stringify({ status: "error", error }),
    error,
    code: "module-lost",
    retryable: false,
    endedAt: now,
  };
}
