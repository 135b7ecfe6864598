/** Markers move forward with the conversation, and are never more than the provider takes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ChatRole } from "#contract/base/vocabulary";
import type { GenerateOptions } from "#contract/chat/generation";
import type { ChatMessage } from "#contract/chat/message";
import { defineTool } from "#contract/chat/tool";
import type { ModelRequest, WireMessage } from "#contract/chat/wire";
import { placeMarkers } from "#inference/request/cache-markers";
import { capabilitiesOf } from "#inference/request/capabilities";
import { prepareRequest } from "#inference/request/prepare-request";
import { ConversationReader } from "#inference/request/wire-messages";

const add = defineTool({ name: "add", description: "Adds", input: z.object({ a: z.number() }), run: () => 0 });
const say = (role: ChatRole, cacheMarker = false): WireMessage => ({ role, blocks: [{ type: "text", text: role }], cacheMarker });
const { USER, ASSISTANT, SYSTEM, TOOL_RESULT } = ChatRole;
const ALL = { system: [say(SYSTEM), say(SYSTEM)], tools: [add] };

function prepare(messages: ChatMessage[], options: GenerateOptions = {}, most = 4): { request: ModelRequest; warnings: string[] } {
  const capabilities = capabilitiesOf("anthropic", "claude-sonnet-5-5", { cacheMarkers: most });
  const audience = { provider: "anthropic", model: "claude-sonnet-5-5" };
  const conversation = new ConversationReader({ ...audience, ...capabilities });
  return prepareRequest(messages, options, { ...audience, capabilities, defaults: {}, unsupported: "warn", conversation });
}

const markedIn = (messages: readonly WireMessage[]): number[] => messages.flatMap(({ cacheMarker }, index) => (cacheMarker ? [index] : []));
const countIn = ({ system, messages, toolsMarker }: ModelRequest): number =>
  markedIn(system).length + markedIn(messages).length + (toolsMarker ? 1 : 0);

type Parts = Pick<ModelRequest, "system" | "messages" | "tools">;
const place = (parts: Parts, most: number, caching: "auto" | "manual") =>
  placeMarkers({ ...parts, asked: { system: markedIn(parts.system), messages: markedIn(parts.messages) } }, most, caching);

describe("automatic markers", () => {
  it("stand after tools, at the end of system, at the previous request's tail and at the end", () => {
    const messages = [say(USER), say(ASSISTANT), say(TOOL_RESULT), say(ASSISTANT), say(TOOL_RESULT)];
    expect(place({ ...ALL, messages }, 4, "auto")).toEqual({ tools: true, system: [1], messages: [2, 4], leftOut: 0 });
  });

  it("stand only where there is something", () => {
    const nothing = { system: [], tools: [], messages: [say(USER)] };
    expect(place(nothing, 4, "auto")).toEqual({ tools: false, system: [], messages: [0], leftOut: 0 });
  });

  it("find the previous tail before an answer of several messages, and before results of several", () => {
    const messages = [say(USER), say(USER), say(ASSISTANT), say(ASSISTANT), say(TOOL_RESULT), say(TOOL_RESULT), say(SYSTEM)];
    expect(place({ ...ALL, messages }, 4, "auto").messages).toEqual([1, 6]);
  });

  it.each([
    [0, { tools: false, system: [], messages: [] }],
    [1, { tools: false, system: [], messages: [2] }],
    [2, { tools: false, system: [], messages: [0, 2] }],
    [3, { tools: false, system: [1], messages: [0, 2] }],
  ])("keep the tails where a provider takes %i", (most, expected) => {
    expect(place({ ...ALL, messages: [say(USER), say(ASSISTANT), say(USER)] }, most, "auto")).toMatchObject(expected);
  });

  it("give way to the caller's own, newest first, but for the tails", () => {
    const messages = [say(USER, true), say(USER, true), say(USER, true), say(USER), say(ASSISTANT), say(USER)];
    expect(place({ ...ALL, messages }, 4, "auto")).toEqual({ tools: false, system: [], messages: [1, 2, 3, 5], leftOut: 1 });
  });

  it("count a caller's marker at a tail once", () => {
    const messages = [say(USER, true), say(ASSISTANT), say(USER, true)];
    expect(place({ ...ALL, messages }, 4, "auto")).toEqual({ tools: true, system: [1], messages: [0, 2], leftOut: 0 });
  });
});

describe("manual markers", () => {
  it("are the caller's alone", () => {
    const messages = [say(USER, true), say(ASSISTANT), say(USER)];
    expect(place({ ...ALL, messages }, 4, "manual")).toEqual({ tools: false, system: [], messages: [0], leftOut: 0 });
  });

  it("are the newest ones where there are too many", () => {
    const system = [say(SYSTEM, true)];
    const messages = [USER, USER, USER, USER, USER].map((role) => say(role, true));
    expect(place({ tools: [], system, messages }, 4, "manual")).toEqual({
      tools: false,
      system: [],
      messages: [1, 2, 3, 4],
      leftOut: 2,
    });
  });

  it.each([
    [4, "takes 4 cache markers at most; 1 of those asked for were left out"],
    [0, "takes no cache markers; 5 of those asked for were left out"],
  ])("warn of those left out where a provider takes %i", (most, warning) => {
    const messages = [1, 2, 3, 4, 5].map((n): ChatMessage => ({ role: USER, content: `${n}`, cacheMarker: true }));
    const { request, warnings } = prepare(messages, {}, most);
    expect(warnings).toEqual([expect.stringContaining(warning)]);
    expect(countIn(request)).toBe(most);
  });

  it("are none unless somebody asks", () => {
    const { request, warnings } = prepare(
      [
        { role: SYSTEM, content: "s" },
        { role: USER, content: "u" },
      ],
      { tools: [add] },
    );
    expect(countIn(request)).toBe(0);
    expect(warnings).toEqual([]);
  });
});

describe("markers of any conversation", () => {
  const role = fc.constantFrom(USER, ASSISTANT, SYSTEM);
  const message = fc.record({ role, content: fc.constantFrom("", "text"), cacheMarker: fc.boolean() });
  const conversation = fc.array(message, { maxLength: 25 }).map((list): ChatMessage[] => [...list, { role: USER, content: "last" }]);

  it("are never more than the provider takes, caller's, tools' and system's included", () => {
    fc.assert(
      fc.property(
        conversation,
        fc.nat(5),
        fc.constantFrom("auto" as const, "manual" as const),
        fc.boolean(),
        (messages, most, caching, hasTools) => {
          const { request } = prepare(messages, { caching, ...(hasTools ? { tools: [add] } : {}) }, most);
          expect(countIn(request)).toBeLessThanOrEqual(most);
        },
      ),
    );
  });

  it("depend on nothing but the request: asking twice gives the same", () => {
    fc.assert(
      fc.property(conversation, (messages) => {
        expect(prepare(messages, { caching: "auto" }).request).toEqual(prepare(structuredClone(messages), { caching: "auto" }).request);
      }),
    );
  });
});

describe("markers over 30 turns", () => {
  function turns(): ModelRequest[] {
    const messages: ChatMessage[] = [
      { role: SYSTEM, content: "Be exact." },
      { role: USER, content: "Add up." },
    ];
    return Array.from({ length: 30 }, (_, turn) => {
      const { request } = prepare([...messages], { tools: [add], caching: "auto" });
      messages.push(
        { role: ASSISTANT, content: [{ type: "tool-use", id: `t${turn}`, name: "add", input: { a: turn } }] },
        { role: TOOL_RESULT, content: [{ type: "tool-result", toolUseId: `t${turn}`, content: `${turn}` }] },
      );
      return request;
    });
  }

  it("move only forward, and keep the previous request's tail marked for one turn", () => {
    const requests = turns();
    for (const [turn, request] of requests.entries()) {
      const positions = markedIn(request.messages);
      const tail = request.messages.length - 1;
      expect(positions).toEqual(turn === 0 ? [tail] : [tail - 2, tail]);
      expect(request.toolsMarker).toBe(true);
      expect(markedIn(request.system)).toEqual([0]);
      const previous = requests[turn - 1];
      if (previous !== undefined) expect(positions).toContain(previous.messages.length - 1);
    }
  });

  it("leave the prefix as it was, byte for byte", () => {
    const bytes = ({ system, tools, messages }: ModelRequest): string[] =>
      [...system, ...messages].map(({ role, blocks }) => JSON.stringify({ role, blocks })).concat(JSON.stringify(tools));
    const requests = turns();
    for (const [turn, request] of requests.entries()) {
      const previous = requests[turn - 1];
      if (previous === undefined) continue;
      const before = bytes(previous);
      const now = bytes(request);
      expect(now.at(-1)).toBe(before.at(-1));
      expect(now.slice(0, before.length - 1)).toEqual(before.slice(0, -1));
    }
  });
});
