/** Counts what a piece of work executes, so that its growth is told without a clock. */
import { Session } from "node:inspector/promises";
import { setFlagsFromString } from "node:v8";

/** Optimised code does not count its loops. */
setFlagsFromString("--no-opt");
setFlagsFromString("--no-maglev");
setFlagsFromString("--no-sparkplug");

/** Executions of functions and blocks of JavaScript, as V8's precise coverage counts them; what its own built-ins do is not in it. */
export async function stepsOf(work: () => Promise<unknown>): Promise<number> {
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
    await session.post("Profiler.takePreciseCoverage");
    await work();
    const { result } = await session.post("Profiler.takePreciseCoverage");
    return result.flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges)).reduce((sum, { count }) => sum + count, 0);
  } finally {
    session.disconnect();
  }
}
