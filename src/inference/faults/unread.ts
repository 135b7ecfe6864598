/** What came in an answer and has no place in it here. */

/** @param type the provider's word; a text of another form is none */
export function unread(type: unknown): string {
  const kind = typeof type === "string" && /^[\w.-]{1,64}$/.test(type) ? `the kind ${JSON.stringify(type)}` : "an unknown kind";
  return `A part of ${kind} came with the answer, and was left out; \`raw\` has it where the answer came whole.`;
}
