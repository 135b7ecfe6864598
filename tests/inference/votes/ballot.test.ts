/** A ballot counts for an option only where it names that one and no other; whatever else a voter says is told apart from silence. */
import { describe, expect, it } from "vitest";
import { type Ballot, readBallot, tallyOf } from "#inference/votes/ballot";

const names = ["red", "green", "red-hot", "größer", "a.b", "Case", "case"];

describe("a ballot", () => {
  it.each<[string, unknown, string]>([
    ["JSON", '{"decision":"red","reason":"angry"}', "red"],
    ["JSON in a fence, among words", 'Well:\n```json\n{"decision": "green"}\n```\nThat is it.', "green"],
    ["JSON by another name for it", '{"nextNode":"red"}', "red"],
    ["an object, from a call", { vote: "green" }, "green"],
    ["the bare name", "red", "red"],
    ["the name in quotes, with a full stop", ' "green". ', "green"],
    ["the name in another case", "GREEN", "green"],
    ["JSON with the name in another case", '{"decision":" Red "}', "red"],
    ["a name that differs from another's by case alone", "case", "case"],
    ["a sentence that names one option", "I say red, clearly.", "red"],
    ["a sentence with a longer word before it", "redder than red", "red"],
    ["a name that holds another", "It is red-hot!", "red-hot"],
    ["a name that is no word of ASCII", "Nimm größer.", "größer"],
    ["a name with signs of regular expressions", "Take a.b now", "a.b"],
    ["text where JSON is broken", '{"decision": "green"', "green"],
  ])("is for an option: %s", (_, answer, decision) => {
    expect(readBallot(answer, names)).toMatchObject({ status: "valid", decision });
  });

  it("keeps the reason, also of one that decides nothing", () => {
    expect(readBallot('{"decision":"red","reason":"angry"}', names)).toEqual({ status: "valid", decision: "red", reason: "angry" });
    expect(readBallot('{"decision":null,"reason":"torn"}', names)).toEqual({ status: "abstained", reason: "torn" });
    expect(readBallot('{"decision":"blue","reason":"sky"}', names)).toEqual({ status: "invalid", problem: '"blue"', reason: "sky" });
  });

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["the word", "ABSTAIN"],
    ["the word in another case", "Abstain."],
    ["JSON of it", '{"decision":"abstain"}'],
    ["JSON of null", '{"decision":null}'],
  ])("is an abstention: %s", (_, answer) => {
    expect(readBallot(answer, names).status).toBe("abstained");
  });

  it.each<[string, unknown]>([
    ["an option that is not offered", "blue"],
    ["two options", "red or green"],
    ["a part of a longer word", "reddish greenery axb"],
    ["a name that two differ from by case", "CASE"],
    ["JSON without a decision", '{"choice":"red"}'],
    ["a decision that is no name", { decision: 1 }],
    ["an empty answer", ""],
    ["a number", 7],
    ["a list", ["red"]],
  ])("is invalid: %s", (_, answer) => {
    expect(readBallot(answer, names).status).toBe("invalid");
  });

  it("shows no more than the start of what cannot be read", () => {
    expect(readBallot("x".repeat(5_000), names).problem).toHaveLength(200);
  });
});

describe("a tally", () => {
  const options = ["red", "green", "blue"].map((nextNode) => ({ nextNode }));
  const votes = (...decisions: string[]): Ballot[] => decisions.map((decision) => ({ voter: "v", status: "valid", decision }));
  const silent: Ballot[] = [
    { voter: "v", status: "abstained" },
    { voter: "v", status: "invalid" },
    { voter: "v", status: "failed" },
  ];

  it("counts each option that was offered, and what decided nothing", () => {
    expect(tallyOf([...votes("red", "green", "red"), ...silent], options, 1, "first")).toEqual({
      votes: { red: 2, green: 1, blue: 0 },
      valid: 3,
      abstained: 1,
      invalid: 2,
      isTie: false,
      winner: "red",
    });
  });

  it("has no winner below the quorum, for which only valid ballots count", () => {
    expect(tallyOf([...votes("red"), ...silent], options, 2, "first")).not.toHaveProperty("winner");
    expect(tallyOf([...votes("red", "red"), ...silent], options, 2, "first")).toHaveProperty("winner", "red");
  });

  it("breaks a tie by the order of the options, not of the ballots, or leaves it to the default", () => {
    expect(tallyOf(votes("blue", "green", "green", "blue", "red"), options, 1, "first")).toMatchObject({ isTie: true, winner: "green" });
    const left = tallyOf(votes("blue", "green"), options, 1, "default");
    expect(left.isTie).toBe(true);
    expect(left).not.toHaveProperty("winner");
  });

  it("is no tie where two decisions lead to one node, nor where nobody voted", () => {
    expect(tallyOf(votes("red"), [...options, { nextNode: "red" }], 1, "default")).toMatchObject({ isTie: false, winner: "red" });
    expect(tallyOf(silent, options, 1, "first")).toMatchObject({ isTie: false, valid: 0 });
  });
});
