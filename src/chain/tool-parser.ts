/** Tools for models that have none of their own: described in the prompt, called in fenced JSON. */
import { messageOf } from "#contract/base/errors";
import type { ToolParser } from "#contract/chat/tool-chain";

/** JSON text has no line end within a string, so that a fence in an input does not end the block; a last one may be left open. */
const FENCE = /```tool[ \t]*\r?\n([\s\S]*?)(?:\n[ \t]*```|$)/g;

/**
 * Calls look like a fenced block of the language `tool` with `{"name": …, "input": …}` in it.
 *
 * @example
 * await client.toolChain(messages, tools, { toolParser: fencedToolParser });
 */
export const fencedToolParser: ToolParser = {
  describe(tools) {
    const list = tools.map(
      ({ name, description, inputSchema }) => `- ${name}: ${description} Input schema: ${JSON.stringify(inputSchema)}`,
    );
    return [
      "You can call tools. To call one, write a fenced block of the language `tool`, and end your answer after it:",
      '```tool\n{"name": "NAME", "input": {}}\n```',
      "You then get its result. The tools:",
      ...list,
    ].join("\n");
  },

  parse(text) {
    const calls = [...text.matchAll(FENCE)].map(([, block = ""]) => {
      const body = block.trim().replace(/```$/, "");
      try {
        const { name, input } = JSON.parse(body) as { name?: unknown; input?: unknown };
        return { name: typeof name === "string" && name !== "" ? name : "unnamed", input: input ?? {} };
      } catch (error) {
        return { name: "unnamed", input: body, inputError: `the call is no JSON: ${messageOf(error).slice(0, 60)}` };
      }
    });
    return { text: text.replaceAll(FENCE, "").trim(), calls };
  },

  render: ({ name, input }) => `\`\`\`tool\n${JSON.stringify({ name, input })}\n\`\`\``,
};
