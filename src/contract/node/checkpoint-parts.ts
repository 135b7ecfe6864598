/** A module's checkpoint holds what the module saves beside what its chains save: a save of the one leaves the other as it was. */

/** `own` is the value that the module itself saved. */
export type CheckpointPart = "own" | "chains";

/** JSON texts. */
export type CheckpointParts = Readonly<Partial<Record<CheckpointPart, string>>>;

/** Put together from texts, since a long chain saves often and the other part need not be walked for that. */
export function joinParts(parts: CheckpointParts): string {
  const fields = Object.entries(parts).map(([part, text]) => `${JSON.stringify(part)}:${text}`);
  return `{${fields.join(",")}}`;
}

export function splitParts(text: string): CheckpointParts {
  const parts = Object.entries(JSON.parse(text) as Record<string, unknown>);
  return Object.fromEntries(parts.map(([part, value]) => [part, JSON.stringify(value)]));
}
