/** A module's checkpoint holds what the module saves beside what each of its chains saves: a save of one touches no other. */

/** `own` is the value that the module itself saved; the others are its chains, by their keys. */
export type CheckpointPart = "own" | `chain/${string}`;

/** JSON texts. */
export type CheckpointParts = ReadonlyMap<CheckpointPart, string>;
