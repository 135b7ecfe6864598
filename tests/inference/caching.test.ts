/** Over thirty turns, told by what the servers got alone: markers are never too many, and what was said stays byte for byte the same. */
import { describe, expect, it } from "vitest";
import { ChatRole } from "#contract/base/vocabulary";
import { scripted, toolOf } from "./checklist-calls.ts";
import { CLIENT_ROWS, isolateClients, MARKING_ROWS, once } from "./client-rows.ts";
import { marksIn, withoutMarks } from "./read-request.ts";

isolateClients();

const TURNS = 30;
const look = toolOf("look", () => "found something new");
const say = (role: ChatRole, content: string, cacheMarker = false) => ({ role, content, cacheMarker });

type Json = Record<string, unknown>;

/** Where a request has the conversation. */
const LISTS = { anthropic: "messages", bedrock: "messages", "openai-chat": "messages", "openai-responses": "input", gemini: "contents" };
const MARKING = MARKING_ROWS.map((row) => ({ ...row, takesMarks: true }));
/** They cache by themselves what begins alike. */
const OTHERS = CLIENT_ROWS.filter((row) => !MARKING_ROWS.includes(row)).map((row) => ({ ...row, takesMarks: false }));

describe.each([...MARKING, ...OTHERS])("caching on $name", ({ takesMarks, ...row }) => {
  const list = LISTS[row.format];

  it.each([false, true])("marks at most four places, and leaves what was said as it was; with markers of the caller: %s", async (own) => {
    const script = Array.from({ length: TURNS }, (_, turn) =>
      turn === TURNS - 1 ? "done" : { text: `Step ${turn}.`, toolCalls: [{ name: "look", input: { turn }, id: `call_${turn}` }] },
    );
    const { server, client } = await scripted(row, script, once);
    const asked = [
      say(ChatRole.SYSTEM, "You look things up."),
      say(ChatRole.USER, "First this.", own),
      say(ChatRole.USER, "Then that.", own),
    ];
    const { iterations } = await client.toolChain(asked, [look], { maxIterations: TURNS });
    expect(iterations).toBe(TURNS);
    const bodies = server.requests.map(({ body }) => body as Json);
    expect(bodies).toHaveLength(TURNS);
    for (const [turn, body] of bodies.entries()) {
      const marks = marksIn(body);
      if (takesMarks) expect(marks.length).toBeGreaterThan(0);
      expect(marks.length).toBeLessThanOrEqual(takesMarks ? 4 : 0);
      const before = bodies[turn - 1];
      if (before === undefined) continue;
      const { [list]: said, ...rest } = withoutMarks(body) as Record<string, unknown[]>;
      const { [list]: saidBefore, ...restBefore } = withoutMarks(before) as Record<string, unknown[]>;
      expect(saidBefore?.length).toBeGreaterThanOrEqual(turn);
      expect(JSON.stringify(rest)).toBe(JSON.stringify(restBefore));
      expect(JSON.stringify(said?.slice(0, saidBefore?.length))).toBe(JSON.stringify(saidBefore));
      // What the provider stored last time is asked for this time.
      const stored = marksIn(before).filter((mark) => mark.startsWith(`/${list}/`));
      if (takesMarks) expect(marks).toContain(stored.at(-1));
    }
  });
});
