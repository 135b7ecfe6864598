/** What the demo is asked on its command line; whatever cannot be done is said in one sentence. */
import { parseArgs } from "node:util";

export const HELP = `Sums up a text by an agent without a language model: it plans, works in parallel, and goes again until the summary is short enough.

  npm run demo                        this project's own README.md
  npm run demo -- FILE                a file
  cat FILE | npm run demo             standard input; as \`npm run demo -- -\` it waits as long as it takes
  npm run demo -- --words N           the summary has at most N words; 120 by default
  npm run demo -- --crash-at NODE     kills itself (SIGKILL) in that node, and says how to go on
  npm run demo -- --resume [FOLDER]   goes on from the last snapshot, of the latest unfinished run or of the one in FOLDER
  npm run demo -- --agent llm         another agent: planner, executor and validator on a language model, see examples/09
  npm run demo -- --help              this text

Nodes: plan, count 1 … count N, weigh, budget, summarise 1 … summarise N, join, decide; N is the number of sections.
The result goes to standard output, progress to standard error.`;

/** Said to whoever runs the demo, without a stack. */
export class DemoError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

export interface DemoOptions {
  help: boolean;
  resume: boolean;
  /** The text's file, or the folder to resume from. */
  path: string | undefined;
  crashAt: string | undefined;
  words: number;
  agent: "text" | "llm";
}

const usage = (message: string): DemoError => new DemoError(`${message} See \`npm run demo -- --help\`.`, 2);

/** @throws DemoError with exit code 2 */
export function parseDemoOptions(args: string[]): DemoOptions {
  const { values, positionals } = parse(args);
  if (positionals.length > 1) throw usage(`Expected one file, got ${positionals.length}: ${positionals.join(", ")}.`);
  const { resume = false, words, help = false, agent = "text" } = values;
  if (agent !== "text" && agent !== "llm") throw usage(`--agent: expected text or llm, got "${agent}".`);
  if (agent === "llm" && (positionals.length > 0 || resume || words !== undefined)) throw usage("--agent llm takes nothing else.");
  if (resume && words !== undefined) throw usage("--words cannot be changed by --resume: the run keeps its own.");
  if (words !== undefined && !/^[1-9]\d{0,5}$/.test(words))
    throw usage(`--words: expected a whole number from 1 to 999999, got "${words}".`);
  return { help, resume, path: positionals[0], crashAt: values["crash-at"], words: Number(words ?? 120), agent };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        resume: { type: "boolean" },
        agent: { type: "string" },
        words: { type: "string" },
        "crash-at": { type: "string" },
      },
    });
  } catch (error) {
    throw usage((error as Error).message.replace(/\. [\s\S]*$|\n[\s\S]*$|\.$/, "").concat("."));
  }
}
