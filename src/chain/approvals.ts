/** Has a person decide on a tool's call before it runs: asked by the run that the chain is in, or by the chain's own `onApproval`. */
import { AsimovError } from "#contract/base/errors";
import { type Approval, checkApproval, type ShownCall, type Undecided } from "#contract/chat/approval";
import type { CallScope } from "#contract/chat/call-scope";
import type { Tool } from "#contract/chat/tool";
import type { ToolChainOptions, ToolOrder, ToolTurn } from "#contract/chat/tool-chain";
import { digestOf } from "#contract/store/digest";

/** So often code that is asked may give an input that does not fit: what never changes its mind would never end. */
const MOST_ANSWERS = 10;

/** Whom a chain may ask. */
export interface Deciders {
  scope: CallScope | undefined;
  onApproval: ToolChainOptions["onApproval"];
}

/**
 * @param needed whether somebody is to be asked, where nobody was before
 * @returns undefined where nobody need be asked
 * @throws AsimovError `no-approver`, `approval-invalid`, and what `onApproval` threw
 */
export async function decide(
  { scope, onApproval }: Deciders,
  { tool, order, turn, needed }: { tool: Tool; order: ToolOrder; turn: ToolTurn; needed: () => Promise<boolean> },
): Promise<Approval | undefined> {
  const { id, name, input, idempotencyKey } = order;
  const { description, inputSchema } = tool;
  const call: Undecided = {
    // What was decided on one input is nothing that was decided on another, whatever the model names its calls.
    key: `${idempotencyKey}/${digestOf(`${name} ${input}`)}`,
    signal: turn.signal,
    async show(): Promise<ShownCall | undefined> {
      return (await needed()) ? { tool: name, description, input: JSON.parse(input), inputSchema, toolUseId: id } : undefined;
    },
    async judge(edit) {
      const checked = await tool.check(edit);
      return "faults" in checked ? `The edited input does not fit the schema of tool "${name}": ${checked.faults}` : undefined;
    },
    wait: (work) => turn.wait(work),
  };
  if (onApproval !== undefined) return turn.decision ?? (await decideBy(onApproval, call, turn));
  if (scope?.approvals !== undefined) return await scope.approvals.decide(call);
  if ((await call.show()) === undefined) return undefined;
  throw new AsimovError(
    `Tool "${name}" needs approval, and nobody can be asked: this chain is in no agent's run. Give toolChain the option onApproval, or run it in a module of an agent.`,
    { code: "no-approver" },
  );
}

async function decideBy(
  onApproval: NonNullable<ToolChainOptions["onApproval"]>,
  { show, judge, wait, signal }: Undecided,
  turn: ToolTurn,
): Promise<Approval | undefined> {
  const shown = await show();
  if (shown === undefined) return undefined;
  let problem: string | undefined;
  for (let count = 0; count < MOST_ANSWERS; count++) {
    const request = { ...shown, signal, ...(problem === undefined ? {} : { problem }) };
    const checked = await checkApproval(await wait(async () => onApproval(request)), judge);
    if ("value" in checked) {
      await turn.decided(checked.value);
      return checked.value;
    }
    problem = checked.faults;
  }
  throw new AsimovError(`onApproval gave ${MOST_ANSWERS} answers for tool "${shown.tool}", and none fits. The last: ${problem}.`, {
    code: "approval-invalid",
  });
}
