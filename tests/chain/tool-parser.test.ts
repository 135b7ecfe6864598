/** Calls that a model writes into its text are read as it meant them; what cannot be read is told, never dropped. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { fencedToolParser } from "#chain/tool-parser";
import { defineTool } from "#contract/chat/tool";

const { describe: told, parse, render } = fencedToolParser;
const fence = (text: string): string => `\`\`\`tool\n${text}\n\`\`\``;
const look = '{"name":"look","input":{"at":"home"}}';
const looks = { name: "look", input: { at: "home" } };

describe("calls in fenced blocks", () => {
  it("are described with each tool, its schema and how to call it", () => {
    const tool = defineTool({ name: "look", description: "Looks", input: z.object({ at: z.string() }), run: () => null });
    const text = told([tool]);
    expect(text).toContain(`- look: Looks Input schema: ${JSON.stringify(tool.inputSchema)}`);
    expect(text).toContain(fence('{"name": "NAME", "input": {}}'));
  });

  it("are read in their order, and what is left is the text around them", () => {
    const text = `First.\n${fence(look)}\nThen.\n${fence('{"name":"rest"}')}`;
    expect(parse(text)).toEqual({ text: "First.\n\nThen.", calls: [looks, { name: "rest", input: {} }] });
  });

  it.each([
    ["left open at the end", `\`\`\`tool\n${look}`],
    ["left open after a line end", `\`\`\`tool\n${look}\n`],
    ["closed on the line of the call", `\`\`\`tool\n${look}\`\`\``],
    ["with line ends of Windows", `\`\`\`tool\r\n${look}\r\n\`\`\`\r\n`],
    ["indented at its end", `\`\`\`tool \n${look}\n  \`\`\``],
    ["over several lines", fence(JSON.stringify(looks, null, 2))],
  ])("are read where the block is %s", (_, text) => {
    expect(parse(text)).toEqual({ text: "", calls: [looks] });
  });

  it("are no calls in blocks of other languages", () => {
    const text = `\`\`\`json\n${look}\n\`\`\``;
    expect(parse(text)).toEqual({ text, calls: [] });
  });

  it.each([
    ["no JSON", "{name: look}", { name: "unnamed", input: "{name: look}", inputError: expect.stringMatching(/^the call is no JSON: /) }],
    ["no name", '{"input":{}}', { name: "unnamed", input: {} }],
    ["a name that is none", '{"name":7,"input":{}}', { name: "unnamed", input: {} }],
    ["nothing", "null", { name: "unnamed", input: "null", inputError: expect.any(String) }],
  ])("that are broken are told as broken: %s", (_, body, call) => {
    expect(parse(fence(body)).calls).toEqual([call]);
  });

  it("are read back as they are shown, whatever is in them", () => {
    const names = fc.stringMatching(/^[A-Za-z_][\w-]{0,20}$/);
    const texts = fc.oneof(fc.string(), fc.constant("```tool\n```"), fc.constant("\n```\n"));
    const call = fc.record({ name: names, input: fc.dictionary(fc.string(), fc.oneof(texts, fc.jsonValue())) });
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 3 }), (calls) => {
        const plain = JSON.parse(JSON.stringify(calls)) as typeof calls;
        expect(parse(calls.map(render).join("\n\n"))).toEqual({ text: "", calls: plain });
      }),
    );
  });
});
