/** Words of providers for the end of an answer that mean the same wherever they are read. */

/** Of Anthropic, whose own tools take long: what it answered goes back, and it goes on (docs.claude.com, Handling stop reasons, November 2026). */
export const PAUSED = "pause_turn";
